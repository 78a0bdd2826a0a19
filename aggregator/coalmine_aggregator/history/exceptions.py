"""Exceptions of many minutes as columns. Pure."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from coalmine_aggregator.history.minute_layout import SECONDS


class Seconds(NamedTuple):
    """Exceptions second by second: `slot` int64[n], `number` int32[n] and `ending` uint8[n]."""

    slot: NDArray[np.int64]
    number: NDArray[np.int32]
    ending: NDArray[np.uint8]


class Exceptions(NamedTuple):
    """Exceptions of blocks, one block after the other.

    Of each block: `begins` int64[b], the first slot of its minute; its `ending` uint8[b], ascending;
    and how many exceptions it has, `counts` int64[b]. Of each exception: its `key` int32[k], which is
    the number of its series times 60 plus the second in which it began, and its `mask` uint64[k]: bit s
    if it ended so s seconds later too, bit 0 set, none beyond the minute. `mask` is None where all are
    of one second.
    """

    begins: NDArray[np.int64]
    ending: NDArray[np.uint8]
    counts: NDArray[np.int64]
    key: NDArray[np.int32]
    mask: NDArray[np.uint64] | None

    @property
    def number(self) -> NDArray[np.int32]:
        """int32[k]: the number of each one's series."""
        numbers: NDArray[np.int32] = self.key // SECONDS
        return numbers

    @property
    def slot(self) -> NDArray[np.int64]:
        """int64[k]: the slot in which each began."""
        slots: NDArray[np.int64] = np.repeat(self.begins, self.counts)
        slots += self.key - self.number * SECONDS
        return slots

    @property
    def endings(self) -> NDArray[np.uint8]:
        """uint8[k]: the ending of each."""
        return np.repeat(self.ending, self.counts)

    @property
    def seconds(self) -> int:
        """How many seconds all of them make together."""
        return (
            len(self.key) if self.mask is None else int(np.bitwise_count(self.mask).sum(dtype=np.int64))
        )

    def of_blocks(self, chosen: NDArray[np.bool_]) -> Exceptions:
        """Those of some of the blocks."""
        if chosen.all():
            return self
        those = np.repeat(chosen, self.counts)
        return Exceptions(
            self.begins[chosen],
            self.ending[chosen],
            self.counts[chosen],
            self.key[those],
            None if self.mask is None else self.mask[those],
        )

    def by_second(self, chosen: NDArray[np.bool_] | None = None) -> Seconds:
        """The chosen ones (bool[k]; None for all) second by second."""
        those = np.arange(len(self.key)) if chosen is None else np.flatnonzero(chosen)
        slot, number, ending = self.slot[those], self.number[those], self.endings[those]
        if self.mask is None:
            return Seconds(slot, number, ending)
        mask = self.mask[those]
        which, later = steps(reach(mask))
        ended = mask[which] >> later.astype(np.uint64) & np.uint64(1) != 0
        which = which[ended]
        return Seconds(slot[which] + later[ended], number[which], ending[which])


def together(*parts: Seconds) -> Seconds:
    """All of them, in no order."""
    return Seconds(
        np.concatenate([part.slot for part in parts]),
        np.concatenate([part.number for part in parts]),
        np.concatenate([part.ending for part in parts]),
    )


def reach(mask: NDArray[np.uint64]) -> NDArray[np.int64]:
    """int64[k]: of how many seconds from its first on a mask tells anything, or one more."""
    # As floats masks may be rounded up to the next power of two; nothing beyond the minute is told.
    return np.minimum(np.frexp(mask.astype(np.float64))[1], SECONDS).astype(np.int64)


def steps(counts: NDArray[np.int64]) -> tuple[NDArray[np.intp], NDArray[np.int64]]:
    """0, 0, 0, 1, 1, ... and 0, 1, 2, 0, 1, ...: each place as often as its count, and which time."""
    which = np.repeat(np.arange(len(counts)), counts)
    return which, np.arange(len(which)) - np.repeat(np.cumsum(counts) - counts, counts)
