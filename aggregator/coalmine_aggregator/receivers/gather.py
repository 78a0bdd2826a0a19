"""What has arrived at one receiver and is not handed on yet: many connections, one decode. Pure.

A decode of thousands of lines costs a tenth a line of a decode of one, so lines of all connections are
gathered, in one buffer into which the sockets are read directly, and decoded when there are
`FLUSH_BYTES` of them or when whoever was woken by the first of them says so (10 ms later).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable

import numpy as np

from coalmine_aggregator.model.receipts import Receipts
from coalmine_aggregator.receivers.limits import ReceiverLimits, window_at
from coalmine_aggregator.receivers.lines import PADDING, decode
from coalmine_aggregator.receivers.points import judge_point
from coalmine_aggregator.receivers.reasons import Reason
from coalmine_aggregator.receivers.rejections import Rejections
from coalmine_aggregator.receivers.table import SeriesTable
from coalmine_wire.pickle_codec import Point
from coalmine_wire.plaintext import LineFramer

FLUSH_BYTES = 256 << 10
"""Bytes of lines that are decoded without waiting for more."""

FLUSH_POINTS = 10_000
"""Points of pickles, likewise."""

ROOM = 256 << 10
"""Bytes that can always be read at once; more than any datagram."""

_CAPACITY = FLUSH_BYTES + ROOM


class Gather:
    """Of one source. `now` tells the wall clock; `wake` is called when something waits to be flushed.

    `prefix` must stand in front of every name, and is taken off.
    """

    def __init__(
        self,
        source: int,
        *,
        table: SeriesTable,
        sink: Callable[[Receipts], None],
        rejections: Rejections,
        limits: ReceiverLimits,
        now: Callable[[], float],
        wake: Callable[[], None],
        prefix: bytes = b"",
    ) -> None:
        self._source = source
        self._table = table
        self._sink = sink
        self._rejections = rejections
        self._limits = limits
        self._now = now
        self._wake = wake
        self._prefix = prefix
        self._buffer = bytearray(_CAPACITY + PADDING)
        self._view = memoryview(self._buffer)
        self._used = 0
        self._series: list[int] = []
        self._slots: list[int] = []
        self._arrived: float | None = None

    @property
    def backlog(self) -> int:
        """Bytes of lines and points of pickles that wait for a flush."""
        return self._used + len(self._series)

    def room(self, framer: LineFramer) -> memoryview:
        """Where the next bytes of a stream go, at least `ROOM` less a line; then call `took`."""
        start = self._used
        pending = framer.pending
        if pending:
            self._buffer[start : start + len(pending)] = pending
            start += len(pending)
        return self._view[start:_CAPACITY]

    def took(self, framer: LineFramer, count: int) -> int:
        """`count` bytes were read into `room`. How many bytes of whole lines they completed."""
        start = self._used
        end = framer.cut(self._buffer, start, start + len(framer.pending) + count)
        if end > start:
            self._fill(end)
        return end - start

    def datagram_room(self) -> memoryview:
        """Where a datagram goes; then call `took_datagram`."""
        return self._view[self._used : _CAPACITY - 1]

    def took_datagram(self, count: int) -> None:
        """`count` bytes, whole lines of which the last needs no line feed."""
        end = self._used + count
        if not count or self._buffer[end - 1] != 0x0A:
            self._buffer[end] = 0x0A
            end += 1
        self._fill(end)

    def add_lines(self, text: bytes) -> None:
        """Whole lines of which the last needs no line feed, as many as there are."""
        if text and not text.endswith(b"\n"):
            text += b"\n"
        framer, at = LineFramer(), 0
        while at < len(text):
            room = self.room(framer)
            piece = text[at : at + len(room)]
            room[: len(piece)] = piece
            self.took(framer, len(piece))
            at += len(piece)

    def add_points(self, points: Iterable[Point]) -> None:
        """The datapoints of a pickle."""
        window = window_at(self._now(), self._limits)
        rejected: Counter[Reason] = Counter()
        if self._arrived is None:
            self._arrives()
        for name, timestamp, value in points:
            judged = judge_point(name, value, timestamp, self._table, window, self._prefix)
            if isinstance(judged, Reason):
                rejected[judged] += 1
            else:
                self._series.append(judged[0])
                self._slots.append(judged[1])
        self._rejections.count_all(rejected)
        if len(self._series) >= FLUSH_POINTS:
            self.flush()

    def flush(self) -> None:
        """Decodes and hands on all that waits."""
        arrived, self._arrived = self._arrived, None
        if arrived is None:
            return
        used, self._used = self._used, 0
        if used:
            window = window_at(arrived, self._limits)
            decoded = decode(self._buffer, used, self._table, window, self._prefix)
            self._rejections.count_all(decoded.rejected)
            if len(decoded.series):
                self._sink(Receipts(self._source, arrived, decoded.series, decoded.slots))
        if self._series:
            series, slots = np.array(self._series, np.int32), np.array(self._slots, np.int64)
            self._series.clear()
            self._slots.clear()
            self._sink(Receipts(self._source, arrived, series, slots))

    def _fill(self, used: int) -> None:
        self._used = used
        if self._arrived is None:
            self._arrives()
        if used >= FLUSH_BYTES:
            self.flush()

    def _arrives(self) -> None:
        self._arrived = self._now()
        self._wake()
