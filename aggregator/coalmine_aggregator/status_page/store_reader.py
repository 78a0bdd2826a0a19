"""All that the status page knows of the store: each look reads what is new since the last one. Blocks.

Nothing is written anywhere, and a look that fails leaves what earlier ones found.
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from coalmine_aggregator.status.components import Cell
from coalmine_aggregator.status.compose import Inputs, Live
from coalmine_aggregator.status.days import DaySums, spans
from coalmine_aggregator.status.plan import Plan
from coalmine_aggregator.status_page.known_days import KnownDays
from coalmine_aggregator.status_page.past import Past
from coalmine_aggregator.status_page.recent_seconds import KEPT, RecentSeconds
from coalmine_aggregator.status_page.service_counts import RECHECK_S, ServiceCounts
from coalmine_aggregator.status_page.store_file import StoreFile

REVISED_S: Final = 10.0
"""How often states are folded anew where late evidence changed what was folded."""

ALL_S: Final = 30.0
"""How often all seconds that are remembered are read once more."""


class StoreReader:
    """Use from one thread at a time."""

    def __init__(self, url: str, plan: Plan) -> None:
        self._file = StoreFile(url)
        self._plan = plan
        self._known = _Known(plan)
        self._identity: tuple[int, int] | None = None
        self._last: Inputs | None = None

    def look(self, now: float) -> Inputs:
        """What there is to know at `now` (seconds since the epoch). Raises `StoreAwayError`."""
        try:
            identity = self._file.identity
            if identity != self._identity:
                self._identity, self._known = identity, _Known(self._plan)
            with self._file.look() as connection:
                if self._known.past.went_back(connection):
                    self._known = _Known(self._plan)
                self._known.read(connection, now)
        except BaseException:
            # What was read in part is read anew, and from the beginning: it leads to the same.
            self._known = _Known(self._plan)
            raise
        self._last = self._known.inputs(now)
        return self._last

    def last(self, now: float) -> Inputs | None:
        """What the last look that succeeded found, as it is to be told at `now`; None before."""
        return None if self._last is None else self._last._replace(now=now)

    def close(self) -> None:
        """Lets go of the store."""
        self._file.close()


class _Known:
    """What was read so far of one and the same store."""

    def __init__(self, plan: Plan) -> None:
        self.past = Past()
        self._plan = plan
        self._services = [_Service(plan, name) for name in sorted(plan.components.services)]
        self._all_read_at = 0.0
        self._folded_at = 0.0

    def read(self, connection: sa.Connection, now: float) -> None:
        self.past.read(connection, now)
        recheck_s = RECHECK_S
        if abs(now - self._all_read_at) >= ALL_S:
            recheck_s, self._all_read_at = KEPT, now
        shown = spans(now, self._plan.zone)
        for service in self._services:
            service.counts.read_seconds(connection, service.recent, recheck_s)
            for span in service.days.due(shown, now):
                service.days.put(span, service.counts.read_day(connection, span), now)
        if abs(now - self._folded_at) >= REVISED_S:
            self._folded_at = now
            for service in self._services:
                service.recent.fold_revised()

    def inputs(self, now: float) -> Inputs:
        states: dict[str, Live] = {}
        days: dict[str, list[DaySums]] = {}
        for service in self._services:
            states |= service.recent.states()
            days |= service.days.by_component()
        measured = [service.recent.judged_at for service in self._services]
        return Inputs(
            plan=self._plan,
            now=now,
            measured_at=max((float(slot) for slot in measured if slot is not None), default=None),
            cells=frozenset[Cell]().union(*(service.days.cells() for service in self._services)),
            states=states,
            days=days,
            incidents=self.past.incidents,
            maintenances=self.past.maintenances,
        )


class _Service:
    def __init__(self, plan: Plan, name: str) -> None:
        self.counts = ServiceCounts(plan.components, name)
        self.recent = RecentSeconds([each.id for each in self.counts.own], plan.state)
        self.days = KnownDays()
