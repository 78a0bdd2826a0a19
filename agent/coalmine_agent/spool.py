"""Reports that the broker has not acknowledged, in order, bounded in age and size.

The spool is a row of segments. A segment opens with the birth that its reports' endpoints are numbered
by, for whoever reads it after this process is gone, and holds records up to `SEGMENT_BYTES`. What is
replayed leaves from the front; a whole segment is forgotten once its last record has left, so after a
kill -9 at most one segment is told twice, which changes nothing: reports are idempotent. Where room or
age runs out, the oldest segment gives way, and what is lost so is counted.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from coalmine_agent.segment import SEGMENT_BYTES, DiskSegment, Kind, MemorySegment, Record
from coalmine_runtime.logs import get_logger

log = get_logger("agent")


class Batch(NamedTuple):
    """The oldest reports, in order; they leave the spool when the batch is dropped."""

    reports: list[bytes]
    taken: int = 0
    segment: MemorySegment | None = None


class Spool:
    """In memory, or in a folder, where it outlives the process."""

    def __init__(self, *, max_bytes: int, max_age_s: float, folder: Path | None = None) -> None:
        """Reads what an earlier process left in `folder`. Raises OSError where it cannot be used."""
        self._max_bytes = max_bytes
        self._max_age_s = max_age_s
        self._folder = folder
        self._segments: deque[MemorySegment] = deque()
        self._numbers = itertools.count(1)
        self.dropped_for_room = 0
        self.dropped_for_age = 0
        self.dropped_for_errors = 0
        if folder is not None:
            folder.mkdir(mode=0o700, exist_ok=True)
            self._recover(folder)

    @property
    def records(self) -> int:
        """Reports that wait."""
        return sum(segment.waiting for segment in self._segments)

    @property
    def size_bytes(self) -> int:
        """Room that they take."""
        return sum(segment.size_bytes for segment in self._segments)

    @property
    def on_disk(self) -> bool:
        """Whether what waits outlives the process."""
        return self._folder is not None

    def births(self) -> Iterator[bytes]:
        """The births under which the waiting reports were made, oldest first, each once."""
        yield from dict.fromkeys(
            birth for segment in self._segments for birth in segment.births() if segment.waiting
        )

    def append(self, slot: int, report: bytes, birth: bytes) -> None:
        """Adds a report on slots up to `slot`, made under `birth`. Never raises."""
        try:
            segment = self._segment_for(len(report))
            if not segment.has(birth):
                segment.append(Record(Kind.BIRTH, slot, birth))
            segment.append(Record(Kind.REPORT, slot, report))
        except OSError as error:
            self._give_up_disk(error)
            self.append(slot, report, birth)
            return
        while self.size_bytes > self._max_bytes and len(self._segments) > 1:
            self.dropped_for_room += self._forget_oldest()

    def peek(self, now_s: float, *, max_reports: int, max_bytes: int) -> Batch:
        """The oldest reports that are not too old yet; at least one if there is any."""
        oldest = now_s - self._max_age_s
        while self._segments and (
            self._segments[0].newest_slot < oldest or not self._segments[0].waiting
        ):
            self.dropped_for_age += self._forget_oldest()
        if not self._segments:
            return Batch([])
        segment = self._segments[0]
        try:
            self.dropped_for_age += segment.drop_older(oldest)
            return _take(segment, max_reports, max_bytes)
        except OSError as error:
            log.error("agent.spool.unreadable", error=error)
            self.dropped_for_errors += self._forget_oldest()
            return self.peek(now_s, max_reports=max_reports, max_bytes=max_bytes)

    def drop(self, batch: Batch) -> None:
        """Forgets what `peek` gave, which was told; it may have had to give way already."""
        if self._segments and self._segments[0] is batch.segment:
            batch.segment.drop(batch.taken)
            if not batch.segment.waiting:
                self._forget_oldest()

    def close(self) -> None:
        """Lets go of the files; what is on disk stays."""
        for segment in self._segments:
            segment.close()

    def _segment_for(self, size: int) -> MemorySegment:
        if self._segments and self._segments[-1].report_bytes + size <= SEGMENT_BYTES:
            return self._segments[-1]
        if self._segments:
            self._segments[-1].close()
        number = next(self._numbers)
        made = DiskSegment.create(self._folder, number) if self._folder else MemorySegment()
        self._segments.append(made)
        return made

    def _forget_oldest(self) -> int:
        segment = self._segments.popleft()
        waiting = segment.waiting
        try:
            segment.remove()
        except OSError as error:
            log.error("agent.spool.not_removed", error=error)
        return waiting

    def _recover(self, folder: Path) -> None:
        for path in sorted(folder.glob("*.spool")):
            segment, torn = DiskSegment.recover(path)
            if torn:
                log.warning("agent.spool.torn", file=path, bytes=torn)
            if segment.waiting:
                self._segments.append(segment)
            else:
                segment.remove()
        if self._segments:
            last = self._segments[-1]
            assert isinstance(last, DiskSegment)
            self._numbers = itertools.count(last.number + 1)
            log.info("agent.spool.recovered", reports=self.records, bytes=self.size_bytes)

    def _give_up_disk(self, error: OSError) -> None:
        """From here on in memory: a full disk must not cost the reports that are made now."""
        log.error("agent.spool.memory_only", folder=self._folder, error=error)
        self._folder = None
        self._segments.append(MemorySegment())


def _take(segment: MemorySegment, max_reports: int, max_bytes: int) -> Batch:
    reports: list[bytes] = []
    size = taken = 0
    for record in segment.peek():
        if record.kind is Kind.REPORT:
            size += len(record.data)
            if reports and (len(reports) >= max_reports or size > max_bytes):
                break
            reports.append(record.data)
        taken += 1
    return Batch(reports, taken, segment)
