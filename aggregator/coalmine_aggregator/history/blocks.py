"""The blocks of many minutes: units to exceptions, see `minute_layout`. Pure."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from coalmine_aggregator.history import spread
from coalmine_aggregator.history.damage import refuse
from coalmine_aggregator.history.exceptions import Exceptions
from coalmine_aggregator.history.minute_layout import (
    FAR,
    MASK_WORDS,
    MASKS,
    MAX_NUMBERS,
    RUNS,
    SECONDS,
    WIDE,
)

_ONE: Final = np.uint64(1)


class Blocks(NamedTuple):
    """Blocks in `words`: of each the `row`; where it `begins`, and where what is `beside` its units
    does, in words; how many `units` it has, one at least; its `form` and ending."""

    words: NDArray[np.uint16]
    row: NDArray[np.int64]
    begins: NDArray[np.int64]
    beside: NDArray[np.int64]
    units: NDArray[np.int64]
    form: NDArray[np.integer[Any]]
    ending: NDArray[np.uint8]

    def those(self, which: NDArray[np.intp]) -> Blocks:
        """Some of them, in this order."""
        return Blocks(
            self.words,
            self.row[which],
            self.begins[which],
            self.beside[which],
            self.units[which],
            self.form[which],
            self.ending[which],
        )


def exceptions(
    blocks: Blocks, minute: NDArray[np.int64], bits: NDArray[np.uint64] | None
) -> tuple[Exceptions, Exceptions]:
    """Those of one second, and those that may be of more. `minute` is int64[rows]; `bits` uint64[rows]
    are the seconds that were seen, None if all were. Raises `DamageError`."""
    order = np.argsort(blocks.ending, kind="stable")
    long = blocks.form[order] & (RUNS | MASKS) != 0
    return (
        _exceptions(blocks.those(order[~long]), minute, bits, False),
        _exceptions(blocks.those(order[long]), minute, bits, True),
    )


def _exceptions(
    blocks: Blocks, minute: NDArray[np.int64], bits: NDArray[np.uint64] | None, long: bool
) -> Exceptions:
    key, fillers = _keys(blocks)
    counts = blocks.units
    if fillers is not None:
        kept = ~fillers
        counts = spread.sums(kept, counts)
        key = key[kept]
    mask = None
    if long:
        mask = _masks(blocks)
        mask = mask if fillers is None else mask[kept]
        second = (key % SECONDS).astype(np.uint64)
        wrong = (mask & _ONE == 0) | (mask >> np.uint64(SECONDS) - second != 0)
        refuse(wrong, "exceptions that do not last", np.repeat(blocks.row, counts))
    if bits is not None:
        rows = np.repeat(blocks.row, counts)
        seconds = (mask if mask is not None else _ONE) << (key % SECONDS).astype(np.uint64)
        refuse(seconds & ~bits[rows] != 0, "exceptions in seconds that were not seen", rows)
    return Exceptions(minute[blocks.row] * SECONDS, blocks.ending, counts, key, mask)


def _keys(blocks: Blocks) -> tuple[NDArray[np.int32], NDArray[np.bool_] | None]:
    """The key that each unit reaches, and whether it is no exception; None if all are."""
    units = blocks.units
    distance: NDArray[Any] = blocks.words[spread.places(blocks.begins, units)]
    fillers = distance == FAR
    wide = blocks.form & WIDE != 0
    if wide.any():
        distance = distance.astype(np.int64)
        of_wide = np.flatnonzero(np.repeat(wide, units))
        distance[of_wide] = spread.longs(
            blocks.words, spread.places(blocks.begins[wide], units[wide], 2)
        )
        fillers[of_wide] = False
    ends = np.cumsum(units)
    reached = np.cumsum(distance, dtype=np.int64)
    before = reached[ends - units] - distance[ends - units]
    farthest = reached[ends - 1] - before
    refuse(farthest >= MAX_NUMBERS * SECONDS, "numbers that are too large", blocks.row)
    # Keys ascend: only the first of a block has no distance, and what fillers have reached.
    first = np.zeros(len(distance), dtype=np.bool_)
    first[ends - units] = True
    same = np.flatnonzero(distance == 0)
    same = same[~first[same]]
    row = blocks.row[np.searchsorted(ends, same, side="right")]
    refuse(~fillers[same - 1], "exceptions that do not ascend", row)
    # What is left after the wrap to 32 bits is right again, for it is less than that.
    key = reached.astype(np.int32)
    key -= np.repeat(before.astype(np.int32), units)
    return key, fillers if fillers.any() else None


def _masks(blocks: Blocks) -> NDArray[np.uint64]:
    """What is beside each unit, as masks; 0 for what is none."""
    of_masks = blocks.form & MASKS != 0
    runs = ~of_masks
    masks = np.zeros(int(blocks.units.sum()), dtype=np.uint64)
    lengths = blocks.words.view(np.uint8)[spread.places(2 * blocks.beside[runs], blocks.units[runs])]
    lasts = np.minimum(lengths, SECONDS + 1).astype(np.uint64)  # one more never fits
    masks[np.repeat(runs, blocks.units)] = (_ONE << lasts) - _ONE
    places = spread.places(blocks.beside[of_masks], blocks.units[of_masks], MASK_WORDS)
    quarters = blocks.words[places[:, np.newaxis] + np.arange(MASK_WORDS)]
    masks[np.repeat(of_masks, blocks.units)] = np.ascontiguousarray(quarters).view("<u8").reshape(-1)
    return masks
