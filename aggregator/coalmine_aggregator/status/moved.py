"""Where incidents went that turned out to be part of another. Pure.

Customers who were given the address of one are led to the other. Of one that they never saw nothing is
told, not even that it was there: most are taken over in the very tick that opens them.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from coalmine_aggregator.model.incident import EntryKind, Incident, Publication
from coalmine_aggregator.status.components import Cell
from coalmine_aggregator.status.course import course_of
from coalmine_aggregator.status.plan import Plan
from coalmine_aggregator.status.record import Recorded
from coalmine_aggregator.status.touching import Touching


class Moved:
    """Follows them. Which of them customers saw is found out once."""

    def __init__(self, plan: Plan, cells: Collection[Cell]) -> None:
        self._plan = plan
        self._cells = cells
        self._known: dict[int, tuple[Recorded, bool]] = {}

    def ways(self, incidents: Sequence[Recorded], shown: Collection[int]) -> list[tuple[int, int]]:
        """From the number of one that customers saw to that of the one that took it over, perhaps by
        way of others, which is among those `shown`."""
        by_number = {each.incident.number: each for each in incidents}
        into = {
            number: each.incident.merged_into
            for number, each in by_number.items()
            if each.incident.merged_into
        }
        ends: dict[int, int] = {}
        found = []
        for number in into:
            end = _end(number, into, ends)
            if end in shown and self._was_told(by_number[number], by_number[end].incident):
                found.append((number, end))
        return found

    def _was_told(self, part: Recorded, whole: Incident) -> bool:
        number = part.incident.number
        kept = self._known.get(number)
        if kept is None or kept[0] is not part:
            kept = self._known[number] = part, was_told(part, whole, self._plan, self._cells)
        return kept[1]


def was_told(part: Recorded, whole: Incident, plan: Plan, cells: Collection[Cell]) -> bool:
    """Whether customers saw an incident before the other took it over, with all that it affected."""
    incident, entries = part
    if incident.publication is Publication.WITHHELD:
        return False
    merged = [at for at, entry in enumerate(entries) if entry.kind is EntryKind.MERGED]
    if not merged:
        return False
    before, end = entries[: merged[-1]], entries[merged[-1]].at
    alerts = {entry.alert for entry in before}
    affected = tuple(each for each in whole.affected if each.alert and each.alert in alerts)
    apart = incident._replace(affected=affected)
    course = course_of(apart, before, Touching(apart, plan.components, cells))
    return any(step.at < end for step in course.steps)


def _end(number: int, into: dict[int, int], ends: dict[int, int]) -> int:
    """The last on the way of one; 0 where that is a circle. `ends` are those known, and gets more."""
    passed = []
    while number in into and number not in ends:
        ends[number] = 0
        passed.append(number)
        number = into[number]
    end = ends.get(number, number)
    ends.update(dict.fromkeys(passed, end))
    return end
