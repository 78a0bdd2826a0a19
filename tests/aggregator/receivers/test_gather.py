"""The gather. Invariant: whatever is added in whatever pieces comes out once, in time, in any number of
flushes; and its buffer never overflows."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from coalmine_aggregator.model.receipts import Receipts
from coalmine_aggregator.receivers.gather import FLUSH_BYTES, FLUSH_POINTS, ROOM, Gather
from coalmine_aggregator.receivers.limits import ReceiverLimits
from coalmine_aggregator.receivers.reasons import Reason
from coalmine_aggregator.receivers.rejections import Rejections
from coalmine_aggregator.receivers.table import SeriesTable
from coalmine_wire.pickle_codec import Point
from coalmine_wire.plaintext import LineFramer

NOW = 1763700000
LINE = b"canary.a 1 1763700000\n"


class Rig:
    """A gather and what came out of it."""

    def __init__(self) -> None:
        self.now = float(NOW)
        self.woken = 0
        self.received = 0
        self.arrivals: list[float] = []
        self.rejected: Counter[Reason] = Counter()
        table = SeriesTable(b"key")
        table.put(b"canary.a", 3)
        self.gather = Gather(
            5,
            table=table,
            sink=self._sink,
            rejections=Rejections(5, "tcp", self._rejects),
            limits=ReceiverLimits(),
            now=lambda: self.now,
            wake=self._wake,
        )

    def _sink(self, receipts: Receipts) -> None:
        assert receipts.source == 5
        assert set(receipts.series.tolist()) == {3}
        assert set(receipts.slots.tolist()) == {NOW}
        self.received += len(receipts.series)
        self.arrivals.append(receipts.arrived)

    def _rejects(self, source: int, reason: Reason, count: int) -> None:
        assert source == 5
        self.rejected[reason] += count

    def _wake(self) -> None:
        self.woken += 1

    def read(self, framer: LineFramer, data: bytes) -> None:
        """As a connection does it."""
        while data:
            room = self.gather.room(framer)
            assert len(room) >= ROOM - 4097
            size = min(len(room), len(data))
            room[:size] = data[:size]
            self.gather.took(framer, size)
            data = data[size:]


@settings(max_examples=50)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 60_000)), min_size=1, max_size=25))
def test_streams_that_interleave_lose_and_mix_nothing(reads: list[tuple[int, int]]) -> None:
    rig = Rig()
    framers = [LineFramer() for _ in range(4)]
    streams = [LINE * 70_000 for _ in range(4)]
    taken = [0] * 4
    for number, size in reads:
        rig.read(framers[number], streams[number][taken[number] : taken[number] + size])
        taken[number] += size
    rig.gather.flush()
    assert rig.received == sum(size // len(LINE) for size in taken)
    assert not rig.rejected
    assert rig.gather.backlog == 0


@settings(max_examples=30)
@given(st.lists(st.one_of(st.integers(0, 3), st.integers(0, 20_000)), max_size=8), st.booleans())
def test_bodies_and_datagrams(counts: list[int], ended: bool) -> None:
    rig = Rig()
    for count in counts:
        rig.gather.add_lines((LINE * count) if ended else (LINE * count)[:-1])
        room = rig.gather.datagram_room()
        assert len(room) >= 65_535
        data = LINE * min(count, 2000)
        room[: len(data)] = data
        if data:
            rig.gather.took_datagram(len(data) - (not ended))
    rig.gather.flush()
    assert rig.received == sum(count + min(count, 2000) for count in counts)
    assert not rig.rejected


def test_a_body_of_one_endless_line_is_too_long_once() -> None:
    rig = Rig()
    rig.gather.add_lines(b"x" * (3 * ROOM) + b"\n" + LINE)
    rig.gather.flush()
    assert rig.received == 1
    assert rig.rejected == {Reason.TOO_LONG: 1}


def test_it_wakes_once_for_each_flush_and_keeps_the_time_of_the_first_arrival() -> None:
    rig = Rig()
    rig.gather.add_lines(LINE)
    rig.now += 0.01
    rig.gather.add_lines(LINE)
    assert (rig.woken, rig.received) == (1, 0)
    rig.gather.flush()
    assert (rig.woken, rig.received) == (1, 2)
    assert rig.arrivals == [float(NOW)]
    rig.gather.flush()
    assert rig.arrivals == [float(NOW)]
    rig.gather.add_lines(LINE)
    assert rig.woken == 2


def test_enough_of_it_is_not_waited_for() -> None:
    rig = Rig()
    rig.read(LineFramer(), LINE * (FLUSH_BYTES // len(LINE) + 1))
    assert rig.received > 0
    assert rig.gather.backlog < FLUSH_BYTES
    rig = Rig()
    rig.gather.add_points([Point(b"canary.a", NOW, 1)] * FLUSH_POINTS)
    assert rig.received == FLUSH_POINTS


def test_an_empty_datagram_is_a_line_that_says_nothing() -> None:
    rig = Rig()
    rig.gather.took_datagram(0)
    rig.gather.flush()
    assert rig.rejected == {Reason.MALFORMED: 1}
