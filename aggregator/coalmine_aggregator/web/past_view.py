"""What the page showed at a past second, for `take_snapshot`: the same as of now, out of the store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
import sqlalchemy as sa

from coalmine_aggregator.judge.open_cause import WINDOW_S
from coalmine_aggregator.model.alert_headline import by_weight
from coalmine_aggregator.model.alerts import Alert, AlertClass
from coalmine_aggregator.model.counts import NOTHING, Counts
from coalmine_aggregator.model.fates import BAD
from coalmine_aggregator.model.views import AgentView, GroupRates, NoiseView, SloView
from coalmine_aggregator.paging.order import Hold
from coalmine_aggregator.reading import alerts
from coalmine_aggregator.reading.agents import agents_at
from coalmine_aggregator.reading.counts import count
from coalmine_aggregator.reading.library import Library
from coalmine_aggregator.reading.objectives import Objective, slo_at
from coalmine_aggregator.reading.question import MAX_BY_HOST_S, TOTAL_STEP_S, Question
from coalmine_aggregator.web.answers import total_of
from coalmine_aggregator.web.count_answers import groups_of
from coalmine_aggregator.web.options import WebOptions
from coalmine_aggregator.web.snapshot import MAX_OPEN
from coalmine_aggregator.web.view import Health


class MomentAsked(msgspec.Struct, frozen=True):
    """A second of the page.

    It was taken at `at`, with `settled` the newest slot; the fleet, the version and the objectives are
    those of now. `started_at` is when this aggregator started. The last three are `WebOptions`.
    """

    at: float
    settled: int
    fleet: str
    version: str
    started_at: float
    objectives: dict[str, Objective]
    max_groups: int
    fates_window_s: int
    lines_s: int

    def options(self) -> WebOptions:
        """The options that a snapshot is taken with."""
        return WebOptions(
            max_groups=self.max_groups, fates_window_s=self.fates_window_s, lines_s=self.lines_s
        )


class PastView:
    """See `web.view.SnapshotView`."""

    remediation = None

    def __init__(self, library: Library, connection: sa.Connection, asked: MomentAsked) -> None:
        self._library = library
        self._connection = connection
        self._asked = asked

    def rates(
        self, by: Sequence[str], where: Mapping[str, str], first: int, last: int
    ) -> list[GroupRates]:
        """Counts by second."""
        question = Question(tuple(by), dict(where), first, last, 1)
        groups, _ = groups_of(count(self._library, self._connection, question), by)
        return groups

    def agents(self, now: float) -> list[AgentView]:
        """The agents of then."""
        return agents_at(self._library, self._connection, now, self._asked.settled)

    def open_alerts(self) -> list[Alert]:
        """The alerts that were open, as they stood after their last change."""
        # The worst are counted anew, where that is not done for all of them.
        found = sorted(alerts.open_at(self._connection, self._asked.at), key=by_weight)
        return [*map(self._counted, found[:MAX_OPEN]), *found[MAX_OPEN:]]

    def holds(self, now: float) -> Mapping[int, Hold]:
        """What held them is not kept."""
        return {}

    def recent_alerts(self, limit: int) -> list[Alert]:
        """The alerts that had been closed last."""
        return alerts.closed(
            self._connection, alerts.AlertsWanted(closed_by=self._asked.at), None, limit
        )

    def slo(self) -> Mapping[str, SloView]:
        """Today's objectives, held against what had been delivered."""
        return {
            service: slo_at(self._connection, service, objective, self._asked.settled)
            for service, objective in self._asked.objectives.items()
        }

    def noise(self) -> dict[str, NoiseView]:
        """What had been learned is not kept."""
        return {}

    def incident_of(self, alert: int) -> int:
        """Nobody remembers here."""
        return 0

    def oddities(self) -> dict[str, int]:
        """They are counted since the start of a process, and not kept."""
        return {}

    def health(self) -> Health:
        """As far as it is known of then."""
        asked = self._asked
        return Health(
            fleet=asked.fleet,
            version=asked.version,
            started_at=asked.started_at if asked.started_at <= asked.at else 0.0,
            settled=asked.settled,
        )

    def _counted(self, alert: Alert) -> Alert:
        """With the counts of then: a change tells only those up to itself."""
        asked = self._asked
        if alert.alert_class is not AlertClass.LOSS:
            return alert
        if not alert.since <= asked.settled < alert.since + MAX_BY_HOST_S:
            return alert  # so old that nobody looks at its newest minute
        newest = max(alert.since, asked.settled - WINDOW_S + 1)
        scope = {"service": alert.service, **dict(alert.scope)}
        total = self._sums(scope, alert.since)
        counts = self._sums(scope, newest)
        return alert._replace(
            total=total,
            counts=counts,
            beside=self._sums({"service": alert.service}, newest).less(counts),
            window_s=asked.settled - newest + 1,
            effect=max(BAD, key=lambda fate: total.fates[fate]).label if total.bad else alert.effect,
        )

    def _sums(self, where: dict[str, str], first: int) -> Counts:
        question = Question((), where, first, self._asked.settled, TOTAL_STEP_S)
        groups, _ = groups_of(count(self._library, self._connection, question), ())
        return total_of(groups[0]) if groups else NOTHING
