"""The totals of a replay: every datapoint's fate, and whether all of them add up. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from coalmine_aggregator.model.fates import FATES, Fate
from coalmine_aggregator.model.slot_counts import SlotCounts
from coalmine_aggregator.replay.timing import EPOCH


class Totals:
    """Counts of the slots 0 to `slots` - 1, as they stand after the last revision."""

    def __init__(self, slots: int, expected: Mapping[tuple[str, ...], int]) -> None:
        """`expected` are the datapoints that each leaf sends in a slot."""
        self._fates = np.zeros((slots, FATES), dtype=np.int64)
        self._wrong: set[int] = set()
        self._seen = np.zeros(slots, dtype=np.bool_)
        self._expected = expected
        self._leaves: tuple[object, ...] = ()
        self._of_leaves: NDArray[np.int64] = np.zeros(0, dtype=np.int64)

    def take(self, counts: Iterable[SlotCounts]) -> None:
        """Slots that were settled, or revised."""
        for each in counts:
            slot = each.slot - EPOCH
            if not 0 <= slot < len(self._seen):
                continue
            if each.leaves is not self._leaves:
                self._leaves = each.leaves
                of_leaves = [self._expected.get(tuple(leaf), 0) for leaf in each.leaves]
                self._of_leaves = np.array(of_leaves, dtype=np.int64)
            self._seen[slot] = True
            self._fates[slot] = each.fates.sum(axis=0)
            added_up = np.array_equal(each.fates.sum(axis=1), self._of_leaves)
            if added_up and len(each.leaves) == len(self._expected):
                self._wrong.discard(slot)
            else:
                self._wrong.add(slot)

    @property
    def balanced(self) -> bool:
        """Whether in every slot and leaf the fates add up to what the fleet was to send."""
        return not self._wrong and bool(self._seen.all())

    @property
    def datapoints(self) -> int:
        """All that were expected."""
        return int(self._fates.sum())

    def fates(self) -> dict[str, int]:
        """The totals under the fates' names."""
        sums = self._fates.sum(axis=0)
        return {fate.label: int(sums[fate]) for fate in Fate}
