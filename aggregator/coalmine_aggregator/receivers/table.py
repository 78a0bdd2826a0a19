"""Known names to series ids: a dict for one name, a keyed hash table for thousands at once. Pure.

The dict is the truth. Beside it stands an index for whole columns of names: each name is a row of
64-bit words (the name, one space, zeros); a row's hash is the sum of its words times secret odd keys,
mixed; an open-addressing table holds 32 bits of hash and the number of the row in 8 bytes, so that a
look-up costs one cache miss, and the row found is then compared in full. So no name is ever taken for
another, whatever the odds of a collision; what the index cannot decide is left to the dict.

The final space makes rows injective: a name with zero bytes at its end is not the same row.
"""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

WIDTH = 128
"""Bytes of the widest row. Longer names live in the dict alone."""

_FULL = 0.4  # at most this full: about 1.3 probes for a hit
_DEAD = np.uint64(0xFFFF_FFFF_0000_0000)  # the cell of a dropped name: no row, but chains go on
_MIX = np.uint64(0x9E37_79B9_7F4A_7C15)
_HALF = np.uint64(32)
_LOW = np.uint64(0xFFFF_FFFF)

MISSING = -1
"""In a looked-up column: the name of no series."""

UNDECIDED = -2
"""In a looked-up column: ask the dict."""

Words = NDArray[np.uint64]


class SeriesTable:
    """Names to ids. `key` is secret and random per process: nobody can choose names that collide."""

    def __init__(self, key: bytes) -> None:
        self._ids: dict[bytes, int] = {}
        self._pending: list[bytes] = []
        self._long = 0  # names that are wider than a row
        stream = hashlib.shake_256(key).digest(WIDTH)
        self._keys: Words = np.frombuffer(stream, np.uint64) | np.uint64(1)
        self._words = 1
        self._clear(0)

    def __len__(self) -> int:
        return len(self._ids)

    def get(self, name: bytes) -> int | None:
        """The id of one name."""
        return self._ids.get(name)

    def put(self, name: bytes, series_id: int) -> None:
        """Knows `name` from now on as `series_id` (0 or more); a known name may change its id."""
        if series_id < 0:
            raise ValueError(f"series id {series_id} is negative")
        known = name in self._ids
        self._ids[name] = series_id
        if len(name) >= WIDTH:
            self._long += not known
        elif known:
            self._sync()
            self._series[self._cell(name)[1]] = series_id
        else:
            self._pending.append(name)

    def drop(self, name: bytes) -> None:
        """Forgets `name`; one that is not known is no error."""
        if name not in self._ids:
            return
        if len(name) >= WIDTH:
            self._long -= 1
        else:
            self._sync()
            cell, row = self._cell(name)
            self._entries[cell] = _DEAD
            self._series[row] = MISSING
        del self._ids[name]

    # Columns.

    @property
    def words(self) -> int:
        """Words of a row: as many as the longest name (and its space) needs."""
        if self._pending:
            self._sync()
        return self._words

    @property
    def has_long_names(self) -> bool:
        """Whether a name that does not fit a row may be known all the same."""
        return self._long > 0

    def lookup(self, rows: Words) -> NDArray[np.int32]:
        """The ids of the names in `rows` (n x `words`: name, one space, zeros).

        `MISSING` where there is no such name, `UNDECIDED` where the dict must be asked.
        """
        hashes = self._hash(rows)
        at = (hashes >> self._shift).view(np.int64)
        found = self._entries.take(at)
        number = (found & _LOW).view(np.int64)
        settled = ((found ^ (hashes << _HALF)) <= _LOW) & (number != 0)
        if not settled.all():
            self._probe(hashes, at, found, number, settled)
        # Row 0 is no name's: it stands for what was not found, and is all zeros.
        names = self._rows.take(number)
        series = self._series.take(number)
        same = names.view(np.uint64) == rows.reshape(-1)
        if not same.all():
            differs = ~same.reshape(-1, self._words).all(axis=1)
            # A full comparison failed on what the tag had matched: two names share hash bits.
            series[differs & (number != 0)] = UNDECIDED
        return series

    def _probe(
        self,
        hashes: Words,
        at: NDArray[np.int64],
        found: Words,
        number: NDArray[np.int64],
        settled: NDArray[np.bool_],
    ) -> None:
        """Follows the chains of those whose first entry was another's; writes into `number`."""
        left = np.flatnonzero(~settled & (found != 0))
        number[~settled] = 0
        last = len(self._entries) - 1
        for step in range(1, last + 1):
            if not len(left):
                return
            entry = self._entries.take((at[left] + step) & last)
            row = (entry & _LOW).view(np.int64)
            hit = ((entry ^ (hashes[left] << _HALF)) <= _LOW) & (row != 0)
            number[left[hit]] = row[hit]
            left = left[~hit & (entry != 0)]

    def _hash(self, rows: Words) -> Words:
        hashes: Words = rows @ self._keys[: self._words]
        hashes ^= hashes >> _HALF
        hashes *= _MIX
        return hashes

    # The index.

    def _clear(self, names: int) -> None:
        """An empty index with room for `names` and a quarter more."""
        bits = 6
        while names * 5 // 4 > _FULL * (1 << bits):
            bits += 1
        self._shift = np.uint64(64 - bits)
        self._entries: Words = np.zeros(1 << bits, np.uint64)
        self._used = 1  # rows; the zeroth is no name's
        room = int(_FULL * (1 << bits)) + 2
        self._matrix: Words = np.zeros((room, self._words), np.uint64)
        self._rows = self._matrix.view(f"V{8 * self._words}").reshape(-1)
        self._series: NDArray[np.int32] = np.full(room, MISSING, np.int32)

    def _sync(self) -> None:
        """Indexes what was put since the last look-up; grows or widens the index where it must."""
        if not self._pending:
            return
        names, self._pending = self._pending, []
        widest = max(map(len, names)) // 8 + 1
        if widest > self._words or self._used + len(names) > len(self._series):
            alive = np.flatnonzero(self._series[: self._used] != MISSING)
            old = np.zeros((len(alive), max(widest, self._words)), np.uint64)
            old[:, : self._words] = self._matrix[alive]
            series = self._series[alive]
            self._words = old.shape[1]
            self._clear(len(alive) + len(names))
            self._insert(old, series)
        rows = np.frombuffer(b"".join(self._row(name) for name in names), np.uint64)
        ids = np.array([self._ids[name] for name in names], np.int32)
        self._insert(rows.reshape(-1, self._words), ids)

    def _insert(self, rows: Words, series: NDArray[np.int32]) -> None:
        """Places rows by rounds: each tries its next cell, and of several for one cell one wins."""
        numbers = np.arange(self._used, self._used + len(rows), dtype=np.uint64)
        self._matrix[self._used : self._used + len(rows)] = rows
        self._series[self._used : self._used + len(rows)] = series
        self._used += len(rows)
        hashes = self._hash(rows)
        entries = (hashes << _HALF) | numbers
        at = (hashes >> self._shift).view(np.int64)
        last = len(self._entries) - 1
        while len(entries):
            free = self._entries[at] == 0
            self._entries[at[free]] = entries[free]
            lost = self._entries[at] != entries
            entries, at = entries[lost], (at[lost] + 1) & last

    def _row(self, name: bytes) -> bytes:
        return (name + b" ").ljust(8 * self._words, b"\0")

    def _cell(self, name: bytes) -> tuple[int, int]:
        """Where the entry of an indexed name is, and its row."""
        row = np.frombuffer(self._row(name), np.uint64)
        hashed = int(self._hash(row.reshape(1, -1))[0])
        at, last = hashed >> int(self._shift), len(self._entries) - 1
        while entry := int(self._entries[at]):
            number = entry & 0xFFFF_FFFF
            tagged = number != 0 and entry >> 32 == hashed & 0xFFFF_FFFF
            if tagged and np.array_equal(self._matrix[number], row):
                return at, number
            at = (at + 1) & last
        raise LookupError(name)
