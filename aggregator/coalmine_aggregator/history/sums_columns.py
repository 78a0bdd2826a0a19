"""Many rows of sums as columns, read all at once. Pure.

A year of hours or a week of minutes is ten thousand rows. The bytes are told in `sums`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from coalmine_aggregator.history import spread, varints
from coalmine_aggregator.history.damage import TooMuchError, refuse, sound
from coalmine_aggregator.history.seal import unsealed
from coalmine_aggregator.history.tally import Counts, Places, Tally
from coalmine_aggregator.model.endings import COLUMNS, RECEIVED
from coalmine_aggregator.model.fates import Fate

VERSION: Final = 1
HEAD: Final = 6
"""Numbers at the head of a row."""
DEEP: Final = 3
"""Amounts from here on have an extra."""
MAX_LEAVES: Final = 1 << 20
"""Numbers of leaves lie below it."""
MAX_READ: Final = 1 << 24
"""Leaves of all rows that are read at once."""

UNIT_LIMIT: Final = 1 << 20
AMOUNT_LIMIT: Final = 1 << 42
"""Units and amounts lie below these."""


class SumsColumns(NamedTuple):
    """What rows say, in their order.

    Of each row: its `start` int64[r], and of how many seconds something is known, `slots` int64[r]. Of
    each leaf of a row: the `row` int64[k] as an index, the `leaf` int32[k] and what was `expected`
    int64[k]. All of it was delivered and received but for the entries: the `entry_row` int64[j] and
    `entry_leaf` int32[j], the `column` int64[j] of `COLUMNS`, and the `amount` int64[j] that ended so
    instead; in the column `RECEIVED`, by how much more was received than delivered. `faults` says of
    rows that were left out what is wrong, by start.
    """

    start: NDArray[np.int64]
    slots: NDArray[np.int64]
    row: NDArray[np.int64]
    leaf: NDArray[np.int32]
    expected: NDArray[np.int64]
    entry_row: NDArray[np.int64]
    entry_leaf: NDArray[np.int32]
    column: NDArray[np.int64]
    amount: NDArray[np.int64]
    faults: Mapping[int, str]

    @property
    def damaged(self) -> int:
        """How many rows were left out."""
        return len(self.faults)


def read(rows: Sequence[tuple[int, bytes]]) -> SumsColumns:
    """The columns of (start, its bytes). Raises `TooMuchError`."""
    return sound([start for start, _ in rows], [unsealed(data) for _, data in rows], _parse)


def add(result: Tally, columns: SumsColumns, group_of: NDArray[np.int32]) -> None:
    """Adds the rows that begin in the slots which were asked for; the same ones may be added once.

    `group_of` is the group of each leaf, -1 for those that are not asked for, as all beyond it are. The
    buckets of `result` are no shorter than what the rows are sums of.
    """
    first, last = result.asked
    inside = (columns.start >= first) & (columns.start <= last)
    bucket = np.where(inside, (columns.start - result.first) // result.step_s, -1)
    result.seen[:] += np.bincount(
        bucket[inside], columns.slots[inside], minlength=len(result.seen)
    ).astype(np.int32)
    expected = _counts(result, bucket[columns.row], columns.leaf, columns.expected, group_of)
    result.sums[..., Fate.DELIVERED] += expected
    result.sums[..., RECEIVED] += expected
    for column in np.unique(columns.column).tolist():
        those = columns.column == column
        amount = _counts(
            result,
            bucket[columns.entry_row[those]],
            columns.entry_leaf[those],
            columns.amount[those],
            group_of,
        )
        result.sums[..., column] += amount
        if column != RECEIVED:
            result.sums[..., Fate.DELIVERED] -= amount
            result.sums[..., RECEIVED] -= amount


def _counts(
    result: Tally,
    bucket: Places,
    leaf: NDArray[np.int32],
    amount: NDArray[np.int64],
    group_of: NDArray[np.int32],
) -> Counts:
    """int64[buckets, groups]: the amounts of those that are asked for."""
    buckets, groups = result.sums.shape[:2]
    known = np.append(group_of, np.int32(-1))
    group = known[np.minimum(leaf, len(group_of))]
    place = bucket * groups + group
    chosen = (group >= 0) & (bucket >= 0)
    if not chosen.all():
        place, amount = place[chosen], amount[chosen]
    counts = np.bincount(place, amount, minlength=buckets * groups)
    return counts.astype(np.int64).reshape(buckets, groups)


def _parse(starts: Sequence[int], bodies: Sequence[bytes], faults: Mapping[int, str]) -> SumsColumns:
    """The columns of bodies that are all sound. Raises `DamageError`, `TooMuchError`."""
    versions = np.array([body[0] if body else 0 for body in bodies], dtype=np.int64)
    refuse(versions == 0, "a check that fails")
    refuse(versions != VERSION, f"not of version {VERSION}")
    values, bounds, whole = varints.decode([body[1:] for body in bodies])
    at, sizes = bounds[:-1], np.diff(bounds)
    refuse(~whole | (sizes < HEAD), "cut off")
    head = (values[at + place] for place in range(HEAD))
    slots, unit, leaf_runs, expected_runs, entries, extras = head
    refuse(HEAD + 2 * (leaf_runs + expected_runs) + entries + extras != sizes, "of no such length")
    refuse((unit >= UNIT_LIMIT) | (slots >= AMOUNT_LIMIT), "a unit that is too large")

    at = at + HEAD
    leaf, leaves = _leaves(values, at, leaf_runs)
    rows = np.arange(len(starts))
    row = np.repeat(rows, leaves)
    at += 2 * leaf_runs
    expected_row, places = np.repeat(rows, expected_runs), spread.places(at, expected_runs, 2)
    each, repeat = values[places], values[places + 1]
    refuse((each >= AMOUNT_LIMIT) | (repeat > MAX_LEAVES), "counts that are too large", expected_row)
    refuse(spread.sums(repeat, expected_runs) != leaves, "leaves of which nothing was expected")
    expected = np.repeat(each * unit[expected_row], repeat)

    at += 2 * expected_runs
    entry_row, token = np.repeat(rows, entries), values[spread.places(at, entries)]
    deep = token & DEEP == DEEP
    refuse(spread.sums(deep, entries) != extras, "other extras than entries")
    amount = (token & DEEP) + 1
    amount[deep] += values[spread.places(at + entries, extras)]
    distance = (token >> 2) + 1
    refuse(
        (distance > MAX_LEAVES * COLUMNS) | (amount >= AMOUNT_LIMIT),
        "counts that are too large",
        entry_row,
    )
    reached = np.cumsum(distance)
    before = np.concatenate(([0], reached))[np.cumsum(entries) - entries]
    column, index = np.divmod(reached - before[entry_row] - 1, np.maximum(leaves, 1)[entry_row])
    column += 1
    refuse((column > RECEIVED) | (leaves == 0)[entry_row], "no such leaf", entry_row)
    entry_leaf = leaf[(np.cumsum(leaves) - leaves)[entry_row] + index]
    signed = np.where(amount % 2, -(amount + 1) // 2, amount // 2)
    amount = np.where(column == RECEIVED, signed, amount)
    start = np.array(starts, dtype=np.int64)
    return SumsColumns(start, slots, row, leaf, expected, entry_row, entry_leaf, column, amount, faults)


def _leaves(
    values: NDArray[np.int64], at: Places, runs: NDArray[np.int64]
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """The leaves of all rows, one row after the other, and how many each has."""
    row, places = np.repeat(np.arange(len(at)), runs), spread.places(at, runs, 2)
    after, length = values[places], values[places + 1]
    refuse((after >= MAX_LEAVES) | (length > MAX_LEAVES), "leaves that are too large", row)
    reached = np.concatenate(([0], np.cumsum(after + length)))
    ends = reached[1:] - reached[np.cumsum(runs) - runs][row]
    refuse(ends > MAX_LEAVES, "leaves that are too large", row)
    leaves = spread.sums(length, runs)
    if leaves.sum() > MAX_READ:
        raise TooMuchError(f"more than {MAX_READ} leaves to be read at once: ask for fewer rows")
    return spread.places(ends - length, length).astype(np.int32), leaves
