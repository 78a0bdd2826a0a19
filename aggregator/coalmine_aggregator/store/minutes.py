"""One minute of a service's counts, and its bytes. Pure.

The bytes are a version and a zlib stream of, all little-endian: a bit for each of the 60 slots that
has counts (uint64), the number of leaves and of steps (uint32 each), the leaves' ids (uint32), then
the steps: the distance of each from the one before (uint32), and their sizes (int32). A step is where
a count differs from that of the slot before, in the order leaf, column, slot; the columns are the
fates and, last, received less delivered. A green minute has one step a leaf, all alike.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from coalmine_aggregator.model.fates import FATES, Fate

SLOTS = 60

_VERSION = 1
_HEAD = struct.Struct("<QII")
_COLUMNS = FATES + 1
_RECEIVED = FATES


class MinuteError(ValueError):
    """Bytes that are no minute."""


class Minute:
    """Counts of up to 60 slots, by leaf id.

    `table[t, i]` are the counts by fate, then received, of leaf `ids[i]` in the minute's slot t,
    meaningful where `seen[t]`.
    """

    def __init__(
        self,
        ids: Iterable[int] = (),
        table: NDArray[np.int32] | None = None,
        seen: NDArray[np.bool_] | None = None,
    ) -> None:
        self.ids = list(ids)
        self.table = (
            np.zeros((SLOTS, len(self.ids), _COLUMNS), dtype=np.int32) if table is None else table
        )
        self.seen = np.zeros(SLOTS, dtype=np.bool_) if seen is None else seen

    def put(
        self,
        second: int,
        ids: list[int],
        received: NDArray[np.int32],
        fates: NDArray[np.int32],
    ) -> None:
        """Replaces the counts of one slot (0 to 59), shape (leaves,) and (leaves, fates)."""
        missing = [leaf for leaf in ids if leaf not in set(self.ids)] if ids != self.ids else []
        if missing:
            self.ids = [*self.ids, *missing]
            more = np.zeros((SLOTS, len(missing), _COLUMNS), dtype=np.int32)
            self.table = np.concatenate([self.table, more], axis=1)
        position = {leaf: i for i, leaf in enumerate(self.ids)}
        rows = [position[leaf] for leaf in ids]
        self.table[second] = 0
        self.table[second, rows, :FATES] = fates
        self.table[second, rows, _RECEIVED] = received
        self.seen[second] = True


def encode(minute: Minute) -> bytes:
    """The minute's bytes."""
    columns = minute.table.transpose(1, 2, 0).copy()
    columns[:, _RECEIVED] -= columns[:, Fate.DELIVERED]
    changes = np.diff(columns, axis=2, prepend=0).ravel()
    places = np.flatnonzero(changes)
    bits = sum(1 << int(second) for second in np.flatnonzero(minute.seen))
    raw = b"".join(
        (
            _HEAD.pack(bits, len(minute.ids), len(places)),
            np.array(minute.ids, dtype="<u4").tobytes(),
            np.diff(places, prepend=0).astype("<u4").tobytes(),
            changes[places].astype("<i4").tobytes(),
        )
    )
    return bytes([_VERSION]) + zlib.compress(raw)


def decode(data: bytes) -> Minute:
    """The minute of these bytes. Raises `MinuteError`."""
    if data[:1] != bytes([_VERSION]):
        raise MinuteError(f"a minute of version {data[:1].hex() or 'none'}, expected {_VERSION}")
    try:
        raw = zlib.decompress(data[1:])
        bits, count, steps = _HEAD.unpack_from(raw)
        ids = np.frombuffer(raw, dtype="<u4", count=count, offset=_HEAD.size)
        gaps = np.frombuffer(raw, dtype="<u4", count=steps, offset=_HEAD.size + 4 * count)
        sizes = np.frombuffer(raw, dtype="<i4", count=steps, offset=_HEAD.size + 4 * (count + steps))
        changes = np.zeros(count * _COLUMNS * SLOTS, dtype=np.int32)
        changes[np.cumsum(gaps, dtype=np.int64)] = sizes
    except (zlib.error, struct.error, ValueError, IndexError) as error:
        raise MinuteError(f"a damaged minute: {error}") from None
    columns = np.cumsum(changes.reshape(count, _COLUMNS, SLOTS), axis=2, dtype=np.int32)
    columns[:, _RECEIVED] += columns[:, Fate.DELIVERED]
    seen = np.array([bits >> second & 1 for second in range(SLOTS)], dtype=np.bool_)
    return Minute(ids.tolist(), columns.transpose(2, 0, 1).copy(), seen)
