"""The recent slots, dense: a row of receipt counts and a row of evidence for each. Pure."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from coalmine_aggregator.ledger.evidence import ON_TIME, SAID, Bytes

DEPTH = 128
"""Slots held, unless told otherwise."""

_ONE = np.uint8(1)
_FULL = np.uint8(128)


class Ring:
    """Rows for the slots `low` to `high`, columns for series ids.

    `counts` are receipts in time, saturating at 128; `evidence` is all else (see `evidence`). Both
    are uint8[depth, capacity], two bytes a datapoint.
    """

    def __init__(self, first: int, depth: int = DEPTH) -> None:
        """`depth` is a power of two; the ring begins with the slots up to `first - 1` held, empty."""
        if depth & (depth - 1):
            raise ValueError(f"a ring's depth is a power of two, not {depth}")
        self.depth = depth
        self._wrap = depth - 1
        self.high = first - 1
        self._allocate(1024)

    def _allocate(self, capacity: int) -> None:
        self.capacity = capacity
        self._counts = np.zeros((self.depth, capacity), dtype=np.uint8)
        self._evidence = np.zeros((self.depth, capacity), dtype=np.uint8)
        self._flat = self._counts.reshape(-1)
        self._view = self._evidence.data.cast("B")

    @property
    def low(self) -> int:
        """The oldest slot held."""
        return self.high - self.depth + 1

    def holds(self, slot: int) -> bool:
        """Whether there is a row for `slot`."""
        return self.low <= slot <= self.high

    def grow(self, series: int) -> None:
        """Makes room for ids below `series`."""
        if series <= self.capacity:
            return
        counts, evidence, width = self._counts, self._evidence, self.capacity
        while width < series:  # by an eighth: doubling would waste a hundred megabytes
            width += max(1024, width // 8192 * 1024)
        self._allocate(width)
        self._counts[:, : counts.shape[1]] = counts
        self._evidence[:, : evidence.shape[1]] = evidence

    def reach(self, slot: int) -> None:
        """Holds rows up to `slot`; as many of the oldest are dropped."""
        if slot - self.high >= self.depth:
            self._counts[:] = 0
            self._evidence[:] = 0
            self.high = slot
        while self.high < slot:
            self.high += 1
            self._counts[self.high & self._wrap] = 0
            self._evidence[self.high & self._wrap] = 0

    def count(self, slots: NDArray[np.int64], series: NDArray[np.int32]) -> None:
        """Counts receipts in time, all of slots that are held. The hot path: 5 to 20 ns an item."""
        at = slots & self._wrap
        at *= self.capacity
        at += series
        np.add.at(self._flat, at, _ONE)
        after = self._flat[at]
        # A count must never wrap to nothing. Touched and yet 0 has just wrapped; from 128 on it is
        # put back to 128, so that only 128 more for one datapoint in one batch could wrap at all,
        # and what is left then is not 0.
        over = (after - _ONE) >= _FULL - _ONE
        if over.any():
            self._flat[at[over]] = _FULL

    def receipts(self, slot: int, series: int) -> Bytes:
        """The counts of `slot` for ids below `series`: a view, not to be written to."""
        counts: Bytes = self._counts[slot & self._wrap, :series]
        return counts

    def row(self, slot: int) -> Bytes:
        """The evidence of `slot`, without receipts in time: a view that may be written to."""
        row: Bytes = self._evidence[slot & self._wrap]
        return row

    def known(self, slot: int, series: int) -> Bytes:
        """Everything known of `slot` for ids below `series`: evidence bytes, a copy."""
        received: Bytes = (self.receipts(slot, series) != 0).view(np.uint8)
        received *= np.uint8(ON_TIME)
        received |= self._evidence[slot & self._wrap, :series]
        return received

    def fill(self, slot: int, known: Bytes) -> None:
        """Puts back what `known` gave."""
        row = slot & self._wrap
        self._counts[row, : len(known)] = (known & np.uint8(ON_TIME)) != 0
        self._evidence[row, : len(known)] = known & np.uint8(0xFF ^ ON_TIME)

    def say(self, slot: int, series: int, code: int) -> bool:
        """Merges what a report says of one datapoint; whether that changed anything."""
        at = (slot & self._wrap) * self.capacity + series
        view = self._view
        before = view[at]
        if (before & SAID) >= code:
            return False
        view[at] = (before & ~SAID) | code
        return True

    def clear(self, first: int) -> None:
        """Forgets everything and begins with the slots up to `first - 1` held, empty."""
        self._counts[:] = 0
        self._evidence[:] = 0
        self.high = first - 1
