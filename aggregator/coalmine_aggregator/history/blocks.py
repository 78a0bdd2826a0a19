"""The blocks of many minutes: units to exceptions, see `minute_layout`. Pure."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from coalmine_aggregator.history import spread
from coalmine_aggregator.history.damage import refuse
from coalmine_aggregator.history.minute_layout import FAR, MAX_NUMBERS, SECONDS


class Blocks(NamedTuple):
    """The blocks of all rows, in `words`: of each the `row`; where it `begins`, and where its `lengths`
    do if it is one of `runs`, in words; how many `units` it has, one at least; its form and ending."""

    words: NDArray[np.uint16]
    row: NDArray[np.int64]
    begins: NDArray[np.int64]
    lengths: NDArray[np.int64]
    units: NDArray[np.int64]
    wide: NDArray[np.bool_]
    runs: NDArray[np.bool_]
    ending: NDArray[np.uint8]


class Exceptions(NamedTuple):
    """`slot` int64[k], `number` int32[k], `ending` uint8[k] and `length` uint8[k]."""

    slot: NDArray[np.int64]
    number: NDArray[np.int32]
    ending: NDArray[np.uint8]
    length: NDArray[np.uint8]


def exceptions(
    blocks: Blocks, minute: NDArray[np.int64], bits: NDArray[np.uint64] | None
) -> Exceptions:
    """All of them. `minute` is int64[rows]; `bits` uint64[rows] are the seconds that were seen, None if
    all were. Raises `DamageError`."""
    units = blocks.units
    ends = np.cumsum(units)
    distance, fillers = _distances(blocks)
    reached = np.cumsum(distance, dtype=np.int64)
    before = reached[ends - units] - distance[ends - units]
    farthest = reached[ends - 1] - before
    refuse(farthest >= MAX_NUMBERS * SECONDS, "numbers that are too large", blocks.row)
    reached -= np.repeat(before, units)
    key = reached.astype(np.int32)
    _refuse_repeated(blocks, ends, distance, fillers)

    number = key // SECONDS
    second = key - number * SECONDS
    length = np.ones(len(key), dtype=np.uint8)
    if blocks.runs.any():
        lasting = np.flatnonzero(np.repeat(blocks.runs, units))
        places = spread.places(2 * blocks.lengths[blocks.runs], units[blocks.runs])
        length[lasting] = lasts = blocks.words.view(np.uint8)[places]
        wrong = ((lasts == 0) & ~fillers[lasting]) | (second[lasting] + lasts > SECONDS)
        refuse(wrong, "exceptions that do not last", blocks.row[_block_of(lasting, ends)])
    if bits is not None:
        rows = np.repeat(blocks.row, units)
        lasts = (np.uint64(1) << length.astype(np.uint64)) - np.uint64(1) << second.astype(np.uint64)
        unseen = (lasts & ~bits[rows] != 0) & ~fillers
        refuse(unseen, "exceptions in seconds that were not seen", rows)
    slot = np.repeat((minute * SECONDS)[blocks.row], units)
    slot += second
    ending = np.repeat(blocks.ending, units)
    if not fillers.any():
        return Exceptions(slot, number, ending, length)
    kept = np.flatnonzero(~fillers)
    return Exceptions(slot[kept], number[kept], ending[kept], length[kept])


def _distances(blocks: Blocks) -> tuple[NDArray[np.uint16] | NDArray[np.int64], NDArray[np.bool_]]:
    """The distance of each unit from the one before, and whether it is no exception."""
    narrow: NDArray[np.uint16] = blocks.words[spread.places(blocks.begins, blocks.units)]
    fillers = narrow == FAR
    if not blocks.wide.any():
        return narrow, fillers
    distance = narrow.astype(np.int64)
    wide = np.flatnonzero(np.repeat(blocks.wide, blocks.units))
    places = spread.places(blocks.begins[blocks.wide], blocks.units[blocks.wide], 2)
    distance[wide] = spread.longs(blocks.words, places)
    fillers[wide] = False
    return distance, fillers


def _refuse_repeated(
    blocks: Blocks,
    ends: NDArray[np.int64],
    distance: NDArray[np.uint16] | NDArray[np.int64],
    fillers: NDArray[np.bool_],
) -> None:
    """Keys ascend: only the first of a block has no distance, and what fillers have reached."""
    first = np.zeros(len(distance), dtype=np.bool_)
    first[ends - blocks.units] = True
    same = np.flatnonzero(distance == 0)
    same = same[~first[same]]
    refuse(~fillers[same - 1], "exceptions that do not ascend", blocks.row[_block_of(same, ends)])


def _block_of(units: NDArray[np.intp], ends: NDArray[np.int64]) -> NDArray[np.intp]:
    return np.searchsorted(ends, units, side="right")
