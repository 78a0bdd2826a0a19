"""What customers sent and what of it was kept. Pure."""

from __future__ import annotations

from collections import OrderedDict
from typing import NamedTuple

MAX_KEPT = 100_000
"""Datapoints that are remembered; the oldest are forgotten."""


class Deliveries(NamedTuple):
    """So many datapoints were sent, so many of them were never kept."""

    sent: int
    lost: int


NOTHING = Deliveries(0, 0)


class Ledger:
    """Each datapoint by its number."""

    def __init__(self) -> None:
        self._begun: OrderedDict[int, float] = OrderedDict()
        self._kept: set[int] = set()
        self.total = NOTHING

    def begin(self, at: float) -> int:
        """A datapoint is about to be sent at `at`, wall seconds; its number."""
        number = self.total.sent
        self.total = Deliveries(number + 1, self.total.lost + 1)
        self._begun[number] = at
        if len(self._begun) > MAX_KEPT:
            oldest, _ = self._begun.popitem(last=False)
            self._kept.discard(oldest)
        return number

    def keep(self, number: int) -> None:
        """It arrived. Numbers that were never sent, and those told twice, change nothing."""
        if number in self._begun and number not in self._kept:
            self._kept.add(number)
            self.total = self.total._replace(lost=self.total.lost - 1)

    def between(self, since: float, until: float) -> Deliveries:
        """Of those begun from `since` on and before `until`."""
        numbers = [number for number, at in self._begun.items() if since <= at < until]
        return Deliveries(len(numbers), sum(number not in self._kept for number in numbers))
