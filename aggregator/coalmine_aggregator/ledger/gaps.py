"""Gaps of the aggregator: slots whose receipts it could not have seen. Pure."""

from __future__ import annotations

from typing import NamedTuple

MAX_GAPS = 1_000
"""Ranges kept; settled ones are forgotten long before."""


class Gap(NamedTuple):
    """Slots `first` to `last`, both included."""

    first: int
    last: int
    why: str


class Gaps:
    """The gaps that unsettled slots may touch."""

    def __init__(self) -> None:
        self._gaps: list[Gap] = []

    def add(self, first: int, last: int, why: str) -> None:
        """Adds a gap; one that continues another of the same cause widens it."""
        if last < first:
            return
        for index, gap in enumerate(self._gaps):
            if gap.why == why and first <= gap.last + 1 and gap.first <= last + 1:
                self._gaps[index] = Gap(min(first, gap.first), max(last, gap.last), why)
                return
        if len(self._gaps) == MAX_GAPS:  # joined rather than dropped: a gap must not be forgotten
            oldest = self._gaps.pop(0)
            first, last = min(first, oldest.first), max(last, oldest.last)
        self._gaps.append(Gap(first, last, why))

    def covers(self, slot: int) -> bool:
        """Whether `slot` lies in a gap."""
        return any(gap.first <= slot <= gap.last for gap in self._gaps)

    def forget(self, settled_below: int) -> None:
        """Drops what only settled slots touch."""
        self._gaps = [gap for gap in self._gaps if gap.last >= settled_below]
