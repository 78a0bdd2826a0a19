"""Settled slots as blobs: all evidence that a restart needs to go on revising. Pure.

What is kept of a slot is sparse: a mask of the series whose evidence is not plain (sent, and received
in time), their evidence bytes, and a mask of the series that were expected, each compressed; a quiet
second of a thousand series takes about a hundred bytes.

Ids only mean something with the list of names. The list only grows, so each blob refers to an earlier
key blob that holds the first names and carries the few that came since. `lineage` tells one
such list from another, that of an aggregator which began with nothing.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

import numpy as np

from coalmine_aggregator.ledger.evidence import PLAIN, Bytes
from coalmine_aggregator.ledger.windows import Expected, Mask

KEY_S = 3_600
"""A key blob is written this often, so that blobs may be pruned one by one."""

_CHUNK = 1024  # names compressed together, once
_HEADER: Final = struct.Struct("<4sqqqIIII")
_MAGIC = b"CMX1"


class Kept(NamedTuple):
    """A settled slot, as it is kept: `body` holds the exceptions among `expected.width` ids."""

    expected: Expected
    body: bytes

    @property
    def size(self) -> int:
        """Bytes of its own; what was expected is shared by many slots."""
        return len(self.body) + 120


def exceptional(known: Bytes, mask: Mask) -> Mask:
    """bool[n]: the expected series whose evidence is not plain."""
    exceptions: Mask = (known != PLAIN) & mask
    return exceptions


def pack(known: Bytes, expected: Expected, exceptions: Mask) -> Kept:
    """Keeps the evidence of the exceptional series."""
    body = np.packbits(exceptions).tobytes() + known[np.flatnonzero(exceptions)].tobytes()
    return Kept(expected, zlib.compress(body, 1))


def unpack(kept: Kept) -> Bytes:
    """The evidence of every id below `kept.expected.width`; nothing for those not expected."""
    count = kept.expected.width
    body = np.frombuffer(zlib.decompress(kept.body), dtype=np.uint8)
    bits = (count + 7) // 8
    exceptional = np.unpackbits(body[:bits], count=count).view(np.bool_)
    known = np.where(kept.expected.mask(), np.uint8(PLAIN), np.uint8(0))
    known[exceptional] = body[bits:]
    return known


class BlobError(ValueError):
    """A blob that cannot be read; says why."""


class Blob(NamedTuple):
    """A blob as read: `key` is the slot of its key blob, `base` the number of names that one holds."""

    lineage: int
    key: int
    base: int
    names: tuple[str, ...]
    kept: Kept


def read(blob: bytes) -> Blob:
    """Raises `BlobError`."""
    try:
        magic, lineage, key, base, count, names, expected, body = _HEADER.unpack_from(blob)
        if magic != _MAGIC or len(blob) != _HEADER.size + names + expected + body:
            raise BlobError("not a slot's exceptions")
        at = _HEADER.size
        text = _read_names(blob[at : at + names])
        at += names
        packed = blob[at : at + expected]
        return Blob(lineage, key, base, text, Kept(Expected(count, packed), blob[at + expected :]))
    except (struct.error, zlib.error, UnicodeDecodeError) as error:
        raise BlobError(str(error)) from None


class BlobWriter:
    """Writes blobs; `names` is the growing list of the series' full names."""

    def __init__(self, names: list[str], lineage: int) -> None:
        self._names = names
        self._lineage = lineage
        self._chunks: list[bytes] = []
        self._keys: dict[int, int] = {}  # slots of key blobs -> names they hold
        self._key: int | None = None

    def write(self, slot: int, kept: Kept) -> bytes:
        """The blob of a settled or revised slot. A key blob that is revised remains one."""
        count = len(self._names)
        if slot in self._keys or self._wants_key(slot, count):
            self._keys[slot] = count
            if self._key is None or slot > self._key:
                self._key = slot
            return self._assemble(slot, 0, self._list(0, count), kept)
        assert self._key is not None
        base = self._keys[self._key]
        return self._assemble(self._key, base, self._list(base, count), kept)

    def keys(self, slots: Iterable[int]) -> None:
        """These are slots of key blobs written by an earlier run."""
        for slot in slots:
            self._keys[slot] = 0

    def forget(self, before: int) -> None:
        """Slots before this one are revised no more."""
        for slot in [slot for slot in self._keys if slot < before and slot != self._key]:
            del self._keys[slot]

    def _wants_key(self, slot: int, count: int) -> bool:
        if self._key is None or slot - self._key >= KEY_S:
            return self._key is None or slot > self._key
        fresh = count - self._keys[self._key]
        return slot > self._key and fresh > max(_CHUNK, count // 4)

    def _list(self, first: int, last: int) -> bytes:
        if first == last:
            return b""
        if first:
            return _frame(zlib.compress("\n".join(self._names[first:last]).encode(), 1))
        while (len(self._chunks) + 1) * _CHUNK <= last:
            at = len(self._chunks) * _CHUNK
            self._chunks.append(
                _frame(zlib.compress("\n".join(self._names[at : at + _CHUNK]).encode(), 1))
            )
        rest = self._names[len(self._chunks) * _CHUNK : last]
        tail = _frame(zlib.compress("\n".join(rest).encode(), 1)) if rest else b""
        return b"".join(self._chunks) + tail

    def _assemble(self, key: int, base: int, names: bytes, kept: Kept) -> bytes:
        packed = kept.expected.packed
        header = _HEADER.pack(
            _MAGIC,
            self._lineage,
            key,
            base,
            kept.expected.width,
            len(names),
            len(packed),
            len(kept.body),
        )
        return b"".join((header, names, packed, kept.body))


class Past(NamedTuple):
    """What blobs of an earlier run say: names by id, slots, and which of them were key blobs."""

    lineage: int
    names: list[str]
    slots: dict[int, Kept]
    keys: tuple[int, ...]
    unreadable: int


def read_all(blobs: Iterable[tuple[int, bytes]]) -> Past | None:
    """The newest lineage among blobs; None if there is none. What cannot be used is counted."""
    read_blobs: dict[int, Blob] = {}
    unreadable = 0
    for slot, data in blobs:
        try:
            read_blobs[slot] = read(data)
        except BlobError:
            unreadable += 1
    if not read_blobs:
        return None
    lineage = max(blob.lineage for blob in read_blobs.values())
    names: list[str] = []
    for slot, blob in sorted(read_blobs.items()):
        whole = _names_of(slot, blob, read_blobs) if blob.lineage == lineage else None
        if whole is not None and len(whole) > len(names):
            names = whole
    slots: dict[int, Kept] = {}
    for slot, blob in read_blobs.items():
        if blob.lineage == lineage and blob.kept.expected.width <= len(names):
            slots[slot] = blob.kept
        else:
            unreadable += 1
    keys = tuple(slot for slot, blob in read_blobs.items() if slot in slots and blob.key == slot)
    return Past(lineage, names, slots, keys, unreadable)


def _names_of(slot: int, blob: Blob, blobs: Mapping[int, Blob]) -> list[str] | None:
    """All names that a blob knows; None where its key blob is gone. Empty unless it adds any."""
    if blob.key == slot:
        return list(blob.names)
    if not blob.names:
        return None
    key = blobs.get(blob.key)
    if key is None or key.key != blob.key or len(key.names) < blob.base:
        return None
    return [*key.names[: blob.base], *blob.names]


def _frame(data: bytes) -> bytes:
    return struct.pack("<I", len(data)) + data


def _read_names(data: bytes) -> tuple[str, ...]:
    names: list[str] = []
    at = 0
    while at < len(data):
        (size,) = struct.unpack_from("<I", data, at)
        names.extend(zlib.decompress(data[at + 4 : at + 4 + size]).decode().split("\n"))
        at += 4 + size
    return tuple(names)
