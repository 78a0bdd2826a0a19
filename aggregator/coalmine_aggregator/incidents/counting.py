"""When the loss of an incident is counted, and its graphs are drawn. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Final

from coalmine_aggregator.incidents.measurement import Measurement, Why
from coalmine_aggregator.incidents.restored import KEEP_S
from coalmine_aggregator.incidents.scoping import open_alerts
from coalmine_aggregator.model.incident import Impact, Incident
from coalmine_aggregator.model.incident_snapshot import SnapshotName
from coalmine_aggregator.model.scopes import Scope
from coalmine_wire.slots import REVISABLE_S, SETTLE_S

AGAIN_S: Final = 30.0
"""How often the impact of what goes on is counted, and when what was not answered is asked again."""

RARER: Final = 240
"""What takes long is counted this often in its whole time, so that counting it stays a small load; but
what it hits for the first time is counted soon: counts tell customers which parts that is."""

SOON_S: Final = 60.0
"""After the opening: the graph of the opening."""

AROUND_S: Final = 120
"""Slots that a graph shows before and after the trouble."""

FROZEN_S: Final = REVISABLE_S + 600.0
"""No fate changes after that; a bit, so that all of them are in the store."""

AT_ONCE: Final = 8
"""Measurements that are asked for at a time."""

_NOWHERE: Final[frozenset[Scope]] = frozenset()


class Counting:
    """Remembers what was asked for, and which graphs were made (seconds since the epoch)."""

    def __init__(self, made: Mapping[tuple[int, SnapshotName], float]) -> None:
        self._made = dict(made)
        self._asked: dict[tuple[int, Why], float] = {}
        self._asked_of: dict[int, frozenset[Scope]] = {}
        self._counted: dict[int, frozenset[Scope]] = {}  # all scopes that ever were, by incident

    def due(self, incidents: Iterator[Incident], now: float) -> list[Measurement]:
        """The most overdue first."""
        found = [each for incident in incidents for each in self._due(incident, now)]
        found.sort(key=lambda each: (self._asked.get((each.number, each.why), -math.inf), each.number))
        for each in found[:AT_ONCE]:
            self._asked[each.number, each.why] = now
            if each.why in (Why.IMPACT, Why.FINAL):
                self._asked_of[each.number] = _scopes(each)
        return found[:AT_ONCE]

    def counted(self, number: int) -> None:
        """What was asked for last of an incident was counted."""
        asked_of = self._asked_of.pop(number, _NOWHERE)
        self._counted[number] = self._counted.get(number, _NOWHERE) | asked_of

    def made(self, number: int, name: SnapshotName, now: float) -> None:
        """A graph was made."""
        self._made[number, name] = now

    def forget(self, number: int) -> None:
        """Nothing is to be counted or drawn of it any more."""
        for why in Why:
            self._asked.pop((number, why), None)
        for name in SnapshotName:
            self._made.pop((number, name), None)
        self._asked_of.pop(number, None)
        self._counted.pop(number, None)

    def _due(self, incident: Incident, now: float) -> Iterator[Measurement]:
        if incident.merged_into or not incident.affected or now > _over_at(incident, now) + KEEP_S:
            return
        first = min(each.first for each in incident.affected)
        last = _last(incident, math.floor(now) - SETTLE_S)
        why = self._impact_due(incident, now, last)
        if why is not None and not self._waits(incident, why, now):
            yield _measurement(incident, first, max(first, last), why)
        begins = min(first, int(incident.opened_at)) - AROUND_S
        soon = int(incident.opened_at + SOON_S)
        if (
            now >= soon + SETTLE_S
            and (incident.number, SnapshotName.OPENED) not in self._made
            and not self._waits(incident, Why.OPENED, now)
        ):
            yield _measurement(incident, begins, soon, Why.OPENED)
        over = incident.resolved_at
        ends = last + AROUND_S
        if (
            over is not None
            and not _lasts(incident)
            and now >= max(over, ends + SETTLE_S)
            and self._made.get((incident.number, SnapshotName.RESOLVED), -math.inf) < over
            and not self._waits(incident, Why.RESOLVED, now)
        ):
            yield _measurement(incident, begins, ends, Why.RESOLVED)

    def _impact_due(self, incident: Incident, now: float, last: int) -> Why | None:
        impact = incident.impact
        if impact is not None and impact.is_final:
            return None
        if not _lasts(incident) and now >= last + FROZEN_S:
            return Why.FINAL
        if impact is None or impact.measured_at < incident.state_at:
            return Why.IMPACT
        if incident.state.is_open or _lasts(incident):
            again_s = max(AGAIN_S, (impact.last - impact.first) / RARER)
            if self._spreads(incident):
                again_s = AGAIN_S
            return Why.IMPACT if not 0 <= now - impact.measured_at < again_s else None
        # The last slots were open still when it closed.
        return Why.IMPACT if impact.measured_at <= last + SETTLE_S + AGAIN_S <= now else None

    def _spreads(self, incident: Incident) -> bool:
        """Whether it hits what it did not when it was counted."""
        counted = self._counted.get(incident.number)
        return counted is not None and not _scopes(incident) <= counted

    def _waits(self, incident: Incident, why: Why, now: float) -> bool:
        """Whether it was asked for lately, and nothing changed since."""
        asked = self._asked.get((incident.number, why))
        if asked is None or not 0 <= now - asked < AGAIN_S:
            return False
        return incident.state_at <= asked or incident.state_at > now  # the clock was ahead


def settled(incident: Incident, impact: Impact) -> Impact:
    """What was counted, which is final only if it reaches over all that is affected by now."""
    covers = not _lasts(incident) and impact.last >= _last(incident, impact.last)
    return impact if covers else impact._replace(is_final=False)


def _scopes(of: Incident | Measurement) -> frozenset[Scope]:
    return frozenset(each.scope for each in of.affected)


def _measurement(incident: Incident, first: int, last: int, why: Why) -> Measurement:
    return Measurement(incident.number, incident.service, incident.affected, first, last, why)


def _lasts(incident: Incident) -> bool:
    """Whether what it affects grows still."""
    return any(each.last is None for each in incident.affected)


def _last(incident: Incident, now: int) -> int:
    return max(now if each.last is None else each.last for each in incident.affected)


def _over_at(incident: Incident, now: float) -> float:
    """When nothing of it went on any more; `now` while something does."""
    if incident.resolved_at is None or open_alerts(incident):
        return now
    return max(incident.resolved_at, incident.ended_at or 0.0)
