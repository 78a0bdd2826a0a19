"""What each vantage saw in the last slots: counts for people. Pure."""

from __future__ import annotations

import numpy as np

from coalmine_aggregator.remediate.vantage_detector import NEVER
from coalmine_aggregator.remediate.vantages import Ints, where_were


class Window:
    """Counts of judged and bad datapoints by vantage, over `slots` slots."""

    def __init__(self, vantages: int, slots: int) -> None:
        self._slots = np.full(slots, NEVER)
        self._counts: Ints = np.zeros((slots, 2, vantages), dtype=np.int64)

    def add(self, slot: int, judged: Ints, bad: Ints) -> None:
        """More of a slot; negative to take something back. One that is too old is left alone."""
        at = slot % len(self._slots)
        if slot < self._slots[at]:
            return
        if slot > self._slots[at]:
            self._slots[at], self._counts[at] = slot, 0
        self._counts[at, 0] += judged
        self._counts[at, 1] += bad

    def sums(self, slot: int) -> Ints:
        """int64[2, V]: judged and bad of the slots that end with `slot`."""
        first = slot - len(self._slots) + 1
        inside = (first <= self._slots) & (self._slots <= slot)
        sums: Ints = self._counts[inside].sum(axis=0)
        return sums

    def moved(self, old: Ints, new: Ints) -> Window:
        """The same for other vantages, of which these are the keys."""
        places = where_were(old, new)
        moved = Window(len(new), len(self._slots))
        moved._slots = self._slots.copy()
        moved._counts[..., places >= 0] = self._counts[..., places[places >= 0]]
        return moved
