"""One minute of a service's counts, and its bytes. Pure.

The bytes are a version and a zlib stream of, all little-endian: a bit for each of the 60 slots that
has counts (uint64), the number of leaves (uint32), their ids (uint32 each), then the counts (int32)
in the order leaf, column, slot, each as its difference from the slot before. The columns are the
fates and, last, received less delivered: in a green minute all but the first slots are zero.
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
_HEAD = struct.Struct("<QI")
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
    steps = np.diff(columns, axis=2, prepend=0).astype("<i4")
    bits = sum(1 << int(second) for second in np.flatnonzero(minute.seen))
    head = _HEAD.pack(bits, len(minute.ids)) + np.array(minute.ids, dtype="<u4").tobytes()
    # Level 1: the zeros of quiet seconds compress at any level, and it runs each second.
    return bytes([_VERSION]) + zlib.compress(head + steps.tobytes(), level=1)


def decode(data: bytes) -> Minute:
    """The minute of these bytes. Raises `MinuteError`."""
    if data[:1] != bytes([_VERSION]):
        raise MinuteError(f"a minute of version {data[:1].hex() or 'none'}, expected {_VERSION}")
    try:
        raw = zlib.decompress(data[1:])
        bits, count = _HEAD.unpack_from(raw)
        ids = np.frombuffer(raw, dtype="<u4", count=count, offset=_HEAD.size)
        start = _HEAD.size + 4 * count
        steps = np.frombuffer(raw, dtype="<i4", count=count * _COLUMNS * SLOTS, offset=start)
    except (zlib.error, struct.error, ValueError) as error:
        raise MinuteError(f"a damaged minute: {error}") from None
    columns = np.cumsum(steps.reshape(count, _COLUMNS, SLOTS), axis=2, dtype=np.int32)
    columns[:, _RECEIVED] += columns[:, Fate.DELIVERED]
    seen = np.array([bits >> second & 1 for second in range(SLOTS)], dtype=np.bool_)
    return Minute(ids.tolist(), columns.transpose(2, 0, 1).copy(), seen)
