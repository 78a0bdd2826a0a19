"""One segment of the spool, in memory or as a file.

A file is a row of records, each `>IIBq` (length of the data, CRC-32 of what follows, kind, slot) and
its data. A record that was cut off by a crash, or anything after one that does not check, is not read.
"""

from __future__ import annotations

import enum
import errno
import itertools
import os
import struct
import zlib
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

SEGMENT_BYTES = 256 << 10
"""A segment takes reports up to here, and at least one."""

MAX_RECORD_BYTES = 4 << 20

_LENGTH = struct.Struct(">II")
_HEAD = struct.Struct(">Bq")


class Kind(enum.IntEnum):
    """What a record holds."""

    BIRTH = 1
    REPORT = 2


class Record(NamedTuple):
    """`slot` is the last one that a report tells of."""

    kind: Kind
    slot: int
    data: bytes

    def encode(self) -> bytes:
        """As it stands in a file."""
        body = _HEAD.pack(self.kind, self.slot) + self.data
        return _LENGTH.pack(len(self.data), zlib.crc32(body)) + body


def decode(blob: bytes) -> tuple[list[Record], int]:
    """The records of a file, and how many bytes of it they fill: the rest is torn or foreign."""
    records: list[Record] = []
    at = 0
    while at + _LENGTH.size + _HEAD.size <= len(blob):
        length, checksum = _LENGTH.unpack_from(blob, at)
        start = at + _LENGTH.size
        end = start + _HEAD.size + length
        if length > MAX_RECORD_BYTES or end > len(blob) or zlib.crc32(blob[start:end]) != checksum:
            break
        kind, slot = _HEAD.unpack_from(blob, start)
        if kind in (Kind.BIRTH, Kind.REPORT):  # a later version may write others
            records.append(Record(Kind(kind), slot, blob[start + _HEAD.size : end]))
        at = end
    return records, at


class MemorySegment:
    """Gone with the process.

    `waiting` counts reports that were not dropped, `size_bytes` the room of all records that it ever
    took, `report_bytes` that of the reports alone.
    """

    def __init__(self) -> None:
        self.size_bytes = 0
        self.report_bytes = 0
        self.waiting = 0
        self.newest_slot = 0
        self._records: deque[Record] = deque()
        self._births: list[bytes] = []

    def append(self, record: Record) -> None:
        """Adds a record."""
        self._records.append(record)
        self._note(record)

    def has(self, birth: bytes) -> bool:
        """Whether a reader of this segment knows this birth already."""
        return birth in self._births

    def births(self) -> list[bytes]:
        """All births that were ever added to it."""
        return self._births

    def peek(self) -> Iterator[Record]:
        """What has not been dropped, oldest first."""
        return iter(self._records)

    def drop(self, count: int) -> None:
        """Forgets the oldest records, births among them counted too."""
        for _ in range(count):
            if self._records.popleft().kind is Kind.REPORT:
                self.waiting -= 1

    def drop_older(self, slot: float) -> int:
        """Forgets records at the front that are older; returns how many reports were among them."""
        stale = list(itertools.takewhile(lambda record: record.slot < slot, self.peek()))
        self.drop(len(stale))
        return sum(record.kind is Kind.REPORT for record in stale)

    def close(self) -> None:
        """Nothing to let go of."""

    def remove(self) -> None:
        """Forgets everything."""
        self._records.clear()

    def _note(self, record: Record) -> None:
        self.size_bytes += _LENGTH.size + _HEAD.size + len(record.data)
        self.newest_slot = max(self.newest_slot, record.slot)
        if record.kind is Kind.REPORT:
            self.report_bytes += len(record.data)
            self.waiting += 1
        else:
            self._births.append(record.data)


class DiskSegment(MemorySegment):
    """A file; its records are in memory only while it is the one that is replayed."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        self._file: int | None = None
        self._dropped = 0
        self._loaded = False

    @property
    def number(self) -> int:
        """Its place in the row."""
        return int(self._path.stem)

    @classmethod
    def create(cls, folder: Path, number: int) -> DiskSegment:
        """An empty one."""
        return cls(folder / f"{number:010}.spool")

    @classmethod
    def recover(cls, path: Path) -> tuple[DiskSegment, int]:
        """What another process left, and how many bytes at its end were of no use."""
        segment = cls(path)
        blob = path.read_bytes()
        records, used = decode(blob)
        if used < len(blob):
            os.truncate(path, used)
        for record in records:
            segment._note(record)
        return segment, len(blob) - used

    def append(self, record: Record) -> None:
        """Writes a record in one call: after a crash it is whole, or the torn end of the file."""
        if self._file is None:
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
            self._file = os.open(self._path, flags, 0o600)
        blob = record.encode()
        if os.write(self._file, blob) != len(blob):
            os.truncate(self._path, self.size_bytes)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self._path))
        self._note(record)
        if self._loaded:
            self._records.append(record)

    def peek(self) -> Iterator[Record]:
        """What has not been dropped, oldest first."""
        if not self._loaded:
            records, _ = decode(self._path.read_bytes())
            self._records.extend(records[self._dropped :])
            self._loaded = True
        return iter(self._records)

    def drop(self, count: int) -> None:
        """Forgets the oldest records; on disk they stay until the segment goes."""
        super().drop(count)
        self._dropped += count

    def close(self) -> None:
        """Closes the file for writing; a later append opens it again."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def remove(self) -> None:
        """Deletes the file."""
        self.close()
        super().remove()
        self._path.unlink(missing_ok=True)
