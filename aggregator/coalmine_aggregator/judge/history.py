"""The last slots of one service, by cell: what the localiser and the change point look back on. Pure.

A slot is kept as its exceptions: the cells that went bad and those that say nothing. Few are kept as
their numbers, many as a bit a cell, so that five minutes of a total outage of 600,000 series take 45 MB
and of a healthy fleet next to nothing.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

KEPT = 300
"""Slots."""

Mask = NDArray[np.bool_]
Counts = NDArray[np.int32]


class _Cells(NamedTuple):
    """A set of cells among the first `width`: their numbers, or packed bits."""

    width: int
    ids: NDArray[np.int32] | None
    bits: NDArray[np.uint8] | None

    @classmethod
    def of(cls, mask: Mask) -> _Cells:
        ids = np.flatnonzero(mask)
        if len(ids) * 32 <= len(mask):
            return cls(len(mask), ids.astype(np.int32), None)
        return cls(len(mask), None, np.packbits(mask))

    def numbers(self) -> NDArray[np.int32]:
        if self.ids is not None:
            return self.ids
        return np.flatnonzero(self.mask()).astype(np.int32)

    def mask(self) -> Mask:
        if self.bits is not None:
            return np.unpackbits(self.bits, count=self.width).view(np.bool_)
        mask = np.zeros(self.width, dtype=np.bool_)
        mask[self.ids] = True
        return mask


class _Slot(NamedTuple):
    slot: int
    expected: Mask
    bad: _Cells
    neither: _Cells


class Sums(NamedTuple):
    """Counts by cell over the slots from `first` to `last`, both included, that are known."""

    first: int
    last: int
    judged: Counts
    bad: Counts


class History:
    """Slots in order of their settling, at most `KEPT` of them."""

    def __init__(self) -> None:
        self._slots: deque[_Slot] = deque(maxlen=KEPT)

    @property
    def last(self) -> int:
        """The newest slot, 0 if there is none."""
        return self._slots[-1].slot if self._slots else 0

    def add(self, slot: int, expected: Mask, bad: Mask, neither: Mask) -> None:
        """A slot settled. The masks are over all cells; `expected` is kept and not written to again."""
        self._slots.append(_Slot(slot, expected, _Cells.of(bad), _Cells.of(neither)))

    def revise(self, slot: int, bad: Mask, neither: Mask) -> None:
        """Other exceptions of a slot; one that is not kept any more is left alone."""
        for index in range(len(self._slots) - 1, -1, -1):
            known = self._slots[index]
            if known.slot == slot:
                self._slots[index] = known._replace(bad=_Cells.of(bad), neither=_Cells.of(neither))
                return
            if known.slot < slot:
                return

    def clear(self) -> None:
        """Forgets everything."""
        self._slots.clear()

    def sums(self, first: int, cells: int) -> Sums:
        """Counts over the slots from `first` on, for `cells` cells."""
        judged = np.zeros(cells, dtype=np.int32)
        bad = np.zeros(cells, dtype=np.int32)
        begin, last = first, first - 1
        runs: list[tuple[Mask, int]] = []  # the same mask again and again: added once, multiplied
        few_bad: list[NDArray[np.int32]] = []
        few_neither: list[NDArray[np.int32]] = []
        for each in reversed(self._slots):
            if each.slot < first:
                break
            begin, last = each.slot, max(last, each.slot)
            if runs and runs[-1][0] is each.expected:
                runs[-1] = (each.expected, runs[-1][1] + 1)
            else:
                runs.append((each.expected, 1))
            for what, few, into, sign in (
                (each.bad, few_bad, bad, 1),
                (each.neither, few_neither, judged, -1),
            ):
                if what.ids is not None:
                    few.append(what.ids)
                else:
                    into[: what.width] += sign * what.mask()
        for mask, times in runs:
            judged[: len(mask)] += np.int32(times) * mask
        for few, into, sign in ((few_bad, bad, 1), (few_neither, judged, -1)):
            ids = np.concatenate(few) if few else np.zeros(0, dtype=np.int32)
            if ids.size:
                into += sign * np.bincount(ids, minlength=cells).astype(np.int32)
        return Sums(begin, last, judged, bad)

    def of(self, members: Mask, slots: int) -> tuple[NDArray[np.int64], Counts, Counts]:
        """Slots, judged and bad of some cells in each of the newest `slots` slots, ascending."""
        newest = list(self._slots)[-slots:]
        numbers = np.array([each.slot for each in newest], dtype=np.int64)
        judged = np.zeros(len(newest), dtype=np.int32)
        bad = np.zeros(len(newest), dtype=np.int32)
        known: Mask | None = None
        expected = 0
        for index, each in enumerate(newest):
            if each.expected is not known:
                known = each.expected
                expected = int(np.count_nonzero(known & members[: len(known)]))
            bad[index] = _inside(each.bad, members)
            judged[index] = expected - _inside(each.neither, members)
        return numbers, judged, bad


def _inside(cells: _Cells, members: Mask) -> int:
    if cells.ids is not None:
        return int(np.count_nonzero(members[cells.ids])) if cells.ids.size else 0
    return int(np.count_nonzero(cells.mask() & members[: cells.width]))
