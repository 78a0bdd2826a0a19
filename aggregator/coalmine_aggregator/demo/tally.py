"""The sum rates seen so far: the newest slot for the table, sums for the last line. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, TypedDict

from coalmine_aggregator.demo.fleet import REGIONS, SIZE
from coalmine_aggregator.model.counts import NOTHING, Counts
from coalmine_aggregator.model.fates import Fate
from coalmine_aggregator.web.answers import RateGroup
from coalmine_wire.protocols import Protocol

RECENT_S = 30
"""Slots that are asked for again each second, since late reports may still revise them."""

_KEPT = 2 * RECENT_S  # slots in detail; older ones are final here and only summed


class Cell(NamedTuple):
    """One protocol in one region."""

    protocol: str
    region: str


CELLS = tuple(Cell(str(protocol), region) for protocol in Protocol for region in REGIONS)


class Summary(TypedDict):
    """The last line of an unattended run.

    It covers `slots` seconds, from the first in which the whole fleet was expected to the last
    settled one; `sum_rates` are datapoints received a second, over all of them.
    """

    slots: int
    expected: int
    fates: dict[str, int]
    balanced: bool
    sum_rates: dict[str, dict[str, float]]
    alerts: list[dict[str, object]]


class Tally:
    """Counts by cell and slot, from the first slot in which the whole fleet was expected."""

    def __init__(self) -> None:
        self.first: int | None = None
        self.last: int | None = None
        self.balanced = True
        self._slots: dict[int, dict[Cell, Counts]] = {}
        self._folded: dict[Cell, Counts] = dict.fromkeys(CELLS, NOTHING)
        self._folded_to: int | None = None  # the last slot that is only summed

    def add(self, groups: Iterable[RateGroup]) -> None:
        """Takes in rates by protocol and region; what came before of the same slots is replaced."""
        slots: dict[int, dict[Cell, Counts]] = {}
        for group in groups:
            cell = Cell(group.labels["protocol"], group.labels["region"])
            columns = [getattr(group.fates, fate.label) for fate in Fate]
            rows = zip(*columns, strict=True)
            for slot, expected, received, fates in zip(
                group.slots, group.expected, group.received, rows, strict=True
            ):
                if expected != sum(fates):
                    self.balanced = False
                slots.setdefault(slot, {})[cell] = Counts(received, fates)
        for slot in sorted(slots):
            self._put(slot, slots[slot])
        self._fold()

    @property
    def newest(self) -> dict[Cell, Counts]:
        """The last settled slot's counts; empty before the first."""
        return {} if self.last is None else self._slots[self.last]

    @property
    def slots(self) -> int:
        """Seconds from the first slot with the whole fleet to the last settled one."""
        return 0 if self.first is None or self.last is None else self.last - self.first + 1

    def totals(self) -> dict[Cell, Counts]:
        """Sums over all slots."""
        totals = dict(self._folded)
        for counts in self._slots.values():
            for cell, more in counts.items():
                totals[cell] += more
        return totals

    def total(self) -> Counts:
        """The sum over all cells and slots."""
        return sum(self.totals().values(), NOTHING)

    def summary(self, alerts: list[dict[str, object]]) -> Summary:
        """The last line of an unattended run."""
        totals, slots = self.totals(), self.slots
        total = sum(totals.values(), NOTHING)
        rates: dict[str, dict[str, float]] = {}
        for cell, counts in totals.items():
            rate = round(counts.received / slots, 3) if slots else 0.0
            rates.setdefault(cell.protocol, {})[cell.region] = rate
        return Summary(
            slots=slots,
            expected=total.expected,
            fates=total.by_fate(),
            balanced=self.balanced and total.expected == slots * SIZE,
            sum_rates=rates,
            alerts=alerts,
        )

    def _put(self, slot: int, counts: dict[Cell, Counts]) -> None:
        if self.first is None:
            if sum(cell.expected for cell in counts.values()) < SIZE:
                return
            self.first = slot
        if slot < self.first or (self._folded_to is not None and slot <= self._folded_to):
            return
        self._slots[slot] = counts
        self.last = slot if self.last is None else max(self.last, slot)

    def _fold(self) -> None:
        while len(self._slots) > _KEPT:
            self._folded_to = min(self._slots)
            for cell, counts in self._slots.pop(self._folded_to).items():
                self._folded[cell] += counts
