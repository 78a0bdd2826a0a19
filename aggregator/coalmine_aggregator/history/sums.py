"""The sums of a minute or an hour by leaf, and their bytes. Pure.

A version (1 byte), numbers as in `varints`, the check of `seal`. The numbers:

    slots, unit, leaf runs, expected runs, entries, extras       how many there are of each
    leaf runs: how far after the last one a run of leaf numbers begins, and how many it has
    expected runs: what is expected of one leaf after the other, in units, and of how many it is
    entries, extras: all that differs from everything being delivered and received

An entry is a place, column by column and in each leaf by leaf, told as the distance from the last one,
times 4, plus the amount; of an amount of 3 and more the rest is among the extras. Amounts and distances
are less one, for none is 0. What was received is held against what was delivered.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from coalmine_aggregator.history import sums_columns, varints
from coalmine_aggregator.history.columns import Columns
from coalmine_aggregator.history.minute_layout import SECONDS
from coalmine_aggregator.history.seal import sealed
from coalmine_aggregator.history.sums_columns import AMOUNT_LIMIT, DEEP, MAX_LEAVES, UNIT_LIMIT, VERSION
from coalmine_aggregator.history.tally import Counts, tally
from coalmine_aggregator.model.endings import COLUMNS, OUTCOMES, RECEIVED
from coalmine_aggregator.model.fates import Fate

_DELIVERED: Final = int(Fate.DELIVERED)


class SumsError(ValueError):
    """Bytes that are no sums; says why."""


class Sums(NamedTuple):
    """Sums over `slots` seconds of which something is known.

    `leaves` int32[n] are the numbers of leaves, ascending; `table` int64[n, COLUMNS] has their counts
    by outcome, then what was received in time.
    """

    leaves: NDArray[np.int32]
    table: Counts
    slots: int


def of_minute(
    minute: int,
    columns: Columns,
    expected_of: Mapping[int, Counts],
    leaf_of: NDArray[np.int32],
    leaves: int,
) -> Sums:
    """The sums of one minute, of those leaves of which anything was expected.

    `leaf_of` is the leaf of each number, `expected_of` is int64[leaves] by roster; see `tally.add`.
    """
    first = minute * SECONDS
    found = tally(columns, expected_of, leaf_of, leaves, first, first + SECONDS - 1, SECONDS)
    table = found.sums[0]
    rows = np.flatnonzero(table.any(axis=1))
    return Sums(rows.astype(np.int32), np.ascontiguousarray(table[rows]), int(found.seen[0]))


def add(parts: Iterable[Sums]) -> Sums:
    """All of them together."""
    parts = list(parts)
    if not parts:
        return Sums(np.zeros(0, dtype=np.int32), np.zeros((0, COLUMNS), dtype=np.int64), 0)
    leaves, index = np.unique(np.concatenate([part.leaves for part in parts]), return_inverse=True)
    table = np.zeros((len(leaves), COLUMNS), dtype=np.int64)
    begin = 0
    for part in parts:
        table[index[begin : begin + len(part.leaves)]] += part.table
        begin += len(part.leaves)
    return Sums(leaves.astype(np.int32), table, sum(part.slots for part in parts))


def encode(sums: Sums) -> bytes:
    """The bytes of sums. Raises ValueError."""
    leaves, table = sums.leaves.astype(np.int64), sums.table
    if table.shape != (len(leaves), COLUMNS):
        raise ValueError(f"{len(leaves)} leaves and a table of shape {table.shape}")
    if len(leaves) and not (leaves[0] >= 0 and leaves[-1] < MAX_LEAVES and (np.diff(leaves) > 0).all()):
        raise ValueError(f"leaves that do not ascend from 0 to {MAX_LEAVES - 1}")
    expected = table[:, :OUTCOMES].sum(axis=1)
    unit = 1
    if 0 < sums.slots < UNIT_LIMIT and not (expected % sums.slots).any():
        unit = sums.slots
    leaf_runs = _leaf_runs(leaves)
    expected_runs = _runs(expected // unit)
    entries, extras = _entries(table)
    head = (sums.slots, unit, len(leaf_runs) // 2, len(expected_runs) // 2, len(entries), len(extras))
    numbers = np.concatenate((head, leaf_runs, expected_runs, entries, extras))
    return sealed(bytes((VERSION,)) + varints.encode(numbers))


def decode(data: bytes) -> Sums:
    """The sums of these bytes. Raises `SumsError`."""
    columns = sums_columns.read([(0, data)])
    for fault in columns.faults.values():
        raise SumsError(f"damaged sums of {len(data)} bytes: {fault}")
    table = np.zeros((len(columns.leaf), COLUMNS), dtype=np.int64)
    table[:, (_DELIVERED, RECEIVED)] = columns.expected[:, np.newaxis]
    place = np.searchsorted(columns.leaf, columns.entry_leaf)
    table[place, columns.column] += columns.amount
    moved = columns.column != RECEIVED
    amount = np.bincount(place[moved], columns.amount[moved], minlength=len(table)).astype(np.int64)
    table[:, (_DELIVERED, RECEIVED)] -= amount[:, np.newaxis]
    return Sums(columns.leaf, table, int(columns.slots[0]))


def _leaf_runs(leaves: NDArray[np.int64]) -> NDArray[np.int64]:
    """How far each run begins after the end of the last, and its length."""
    begins = np.flatnonzero(np.diff(leaves, prepend=-2) != 1)
    lengths = np.diff(begins, append=len(leaves))
    ends = leaves[begins] + lengths
    after = leaves[begins] - np.concatenate(([0], ends[:-1]))[: len(begins)]
    return np.stack((after, lengths), axis=1).reshape(-1)


def _runs(values: NDArray[np.int64]) -> NDArray[np.int64]:
    """Each value that differs from the one before, and how often it comes."""
    begins = np.flatnonzero(np.diff(values, prepend=-1) != 0)
    return np.stack((values[begins], np.diff(begins, append=len(values))), axis=1).reshape(-1)


def _entries(table: Counts) -> tuple[NDArray[Any], NDArray[Any]]:
    if table.min(initial=0) < 0 or table.max(initial=0) >= AMOUNT_LIMIT >> 4:
        raise ValueError(f"counts from {table.min()} to {table.max()}")
    differing = table.copy()
    differing[:, RECEIVED] -= table[:, _DELIVERED]
    more = differing[:, RECEIVED]
    differing[:, RECEIVED] = np.where(more < 0, -2 * more - 1, 2 * more)
    by_column = differing[:, 1:].T.reshape(-1)
    places = np.flatnonzero(by_column)
    amount = by_column[places] - 1
    extras = amount[amount >= DEEP] - DEEP
    return (np.diff(places, prepend=-1) - 1) * (DEEP + 1) + np.minimum(amount, DEEP), extras
