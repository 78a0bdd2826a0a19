"""Which series are expected in which slot. Pure.

A series is expected from its first slot until its end, which is open until a birth leaves it out or
its agent is retired. Only slots that are not settled yet can still change; what a settled slot
expected is kept with that slot as an `Expected`.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from coalmine_aggregator.ledger.growing import grown

Mask = NDArray[np.bool_]

NEVER = np.iinfo(np.int64).max
"""A slot that does not come."""


class Expected(NamedTuple):
    """The series expected in a slot, of the first `width` ids: a packed, compressed mask."""

    width: int
    packed: bytes

    def mask(self) -> Mask:
        """bool[width]."""
        bits = np.frombuffer(zlib.decompress(self.packed), dtype=np.uint8)
        return np.unpackbits(bits, count=self.width).view(np.bool_)


def expected_of(mask: Mask) -> Expected:
    """`mask`, packed."""
    return Expected(len(mask), zlib.compress(np.packbits(mask).tobytes(), 1))


class Windows:
    """The windows of all series, by id."""

    def __init__(self) -> None:
        self._first = np.full(1024, NEVER, dtype=np.int64)
        self._end = np.full(1024, NEVER, dtype=np.int64)
        self._count = 0
        # A series that was left out and taken up again before the slots between were settled.
        self._earlier: dict[int, list[tuple[int, int]]] = {}
        self._valid = (0, -1)
        self._mask: Mask = np.zeros(0, dtype=np.bool_)
        self._packed = expected_of(self._mask)

    def grow(self, count: int) -> None:
        """Makes room for ids below `count`."""
        self._first = grown(self._first, count, NEVER)
        self._end = grown(self._end, count, NEVER)
        self._count = max(self._count, count)
        self._valid = (0, -1)

    def is_open(self, series: int) -> bool:
        """Whether the series has begun, or will, and has no end yet."""
        return bool(self._first[series] != NEVER and self._end[series] == NEVER)

    def open(self, series: Iterable[int], first: int) -> None:
        """Expects these from slot `first` on; those that are open already, from then at the latest."""
        for each in series:
            if self.is_open(each):
                self._first[each] = min(self._first[each], first)
                continue
            begun, ended = int(self._first[each]), int(self._end[each])
            if begun == NEVER or ended <= begun:
                self._first[each] = first
            elif ended >= first:  # no slot between: as if it had never ended
                self._first[each] = min(begun, first)
            else:
                self._earlier.setdefault(each, []).append((begun, ended))
                self._first[each] = first
            self._end[each] = NEVER
        self._valid = (0, -1)

    def close(self, series: Iterable[int], end: int) -> None:
        """Expects these no longer from slot `end` on; those that end before that anyhow stay so."""
        for each in series:
            if self._first[each] != NEVER and self._end[each] > end:
                self._end[each] = max(end, int(self._first[each]))
            if each in self._earlier:
                cut = [(begun, min(ended, end)) for begun, ended in self._earlier[each] if begun < end]
                self._earlier[each] = cut
        self._valid = (0, -1)

    def rewind(self, slot: int) -> None:
        """Time went back to this slot: what was to begin later by a clock ahead has begun."""
        first, end = self._first[: self._count], self._end[: self._count]
        first[(end == NEVER) & (first != NEVER) & (first > slot)] = slot
        self._valid = (0, -1)

    def forget(self, settled_below: int) -> None:
        """Drops earlier windows that only settled slots touch."""
        for series, windows in list(self._earlier.items()):
            kept = [window for window in windows if window[1] > settled_below]
            if kept:
                self._earlier[series] = kept
            else:
                del self._earlier[series]

    def ended(self, below: int) -> NDArray[np.intp]:
        """The ids whose last slot lies before slot `below`."""
        return np.flatnonzero(self._end[: self._count] < below)

    def at(self, slot: int) -> tuple[Mask, Expected]:
        """What is expected in `slot`; the very same objects while nothing changes."""
        begin, end = self._valid
        if not begin <= slot < end:
            self._refresh(slot)
        return self._mask, self._packed

    def _refresh(self, slot: int) -> None:
        first, end = self._first[: self._count], self._end[: self._count]
        mask = (first <= slot) & (slot < end)
        until = NEVER
        for edges in (first, end):
            coming = edges[edges > slot]
            if coming.size:
                until = min(until, int(coming.min()))
        for series, windows in self._earlier.items():
            for begun, ended in windows:
                if begun <= slot < ended:
                    mask[series] = True
                for edge in (begun, ended):
                    if edge > slot:
                        until = min(until, edge)
        self._mask, self._packed = mask, expected_of(mask)
        self._valid = (slot, until)
