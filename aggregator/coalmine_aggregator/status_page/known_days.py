"""Which days' sums are to be read, and what was read of them. Pure.

A day is read once it begins, again and again while it lasts and while late evidence can revise it, and
never after.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Final, NamedTuple

from coalmine_aggregator.status.components import Cell
from coalmine_aggregator.status.days import DaySpan, DaySums

TODAY_S: Final = 10.0
OVER_S: Final = 60.0
"""How often a day is read that goes on, and one that is over but not final."""

FINAL_S: Final = 26 * 3_600
"""After its end; late reports revise what is up to a day old."""


class KnownDay(NamedTuple):
    """A service on a day: what its components lost, by their ids, those of which nothing was judged
    left out, and the cells of which anything was expected."""

    sums: Mapping[str, DaySums]
    cells: frozenset[Cell]


class KnownDays:
    """`spans` are always all of the days that are shown, the oldest first."""

    def __init__(self) -> None:
        self._read_at: dict[date, float] = {}
        self._days: dict[date, KnownDay] = {}

    def due(self, spans: Sequence[DaySpan], now: float) -> list[DaySpan]:
        """Those to be read now."""
        shown = {span.date for span in spans}
        for old in self._read_at.keys() - shown:
            del self._read_at[old], self._days[old]
        return [span for span in spans if self._is_due(span, now)]

    def put(self, span: DaySpan, day: KnownDay, now: float) -> None:
        """What was read of a day, at `now`."""
        self._read_at[span.date] = now
        self._days[span.date] = day

    def by_component(self) -> dict[str, list[DaySums]]:
        """All sums that are known, the oldest first, by a component's id."""
        found: dict[str, list[DaySums]] = {}
        for _, day in sorted(self._days.items()):
            for component, sums in day.sums.items():
                found.setdefault(component, []).append(sums)
        return found

    def cells(self) -> frozenset[Cell]:
        """All cells of any day."""
        return frozenset[Cell]().union(*(day.cells for day in self._days.values()))

    def _is_due(self, span: DaySpan, now: float) -> bool:
        read_at = self._read_at.get(span.date)
        if read_at is None:
            return True
        if read_at > now:
            return True  # the clock was ahead, and the day may not have been over
        if read_at > span.last + FINAL_S:
            return False
        return now - read_at >= (TODAY_S if now <= span.last + 1 else OVER_S)
