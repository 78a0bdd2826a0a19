"""The line framer. Invariant: what comes out depends on the bytes alone, never on how they came."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import example, given
from hypothesis import strategies as st

from coalmine_wire.plaintext import MAX_LINE, LineFramer, encode_line

_streams = st.lists(
    st.one_of(
        st.binary(max_size=40),
        st.just(b"\n"),
        st.just(b"canary.a 1 1763700000\n"),
        st.integers(MAX_LINE - 2, MAX_LINE + 3).map(lambda size: b"x" * size),
    ),
    max_size=30,
).map(b"".join)


def _whole_lines(stream: bytes) -> list[bytes]:
    """What the framer stands for, said simply: lines cut to what tells that they are too long."""
    return [line if len(line) <= MAX_LINE else b"TOO LONG" for line in stream.split(b"\n")[:-1]]


def _lines(blocks: list[bytes]) -> list[bytes]:
    return _whole_lines(b"".join(blocks))


@given(_streams, st.lists(st.integers(0, 9000)))
@example(b"x" * (MAX_LINE + 1) + b"\n", [MAX_LINE])
@example(b"x" * MAX_LINE + b"\ny\n", [MAX_LINE])
def test_any_chunking_gives_the_same_lines(stream: bytes, cuts: list[int]) -> None:
    framer, blocks = LineFramer(), []
    edges = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    for start, end in pairwise(edges):
        blocks.append(framer.feed(stream[start:end]))
        assert len(framer.pending) <= MAX_LINE + 1
    assert all(block.endswith(b"\n") for block in blocks if block)
    assert _lines(blocks) == _whole_lines(stream)
    assert bool(framer.pending) == bool(stream.rpartition(b"\n")[2])


def test_a_line_without_end_costs_one_line_of_memory() -> None:
    framer = LineFramer()
    for _ in range(1000):
        assert framer.feed(b"x" * 10_000) == b""
    assert len(framer.pending) == MAX_LINE + 1
    assert framer.feed(b"\nnext\n") == b"x" * (MAX_LINE + 1) + b"\nnext\n"


@given(st.binary(max_size=20), st.binary(max_size=300))
def test_cutting_in_place_leaves_the_buffer_alone(before: bytes, text: bytes) -> None:
    framer, buffer = LineFramer(), bytearray(before + text)
    end = framer.cut(buffer, len(before), len(buffer))
    assert buffer == before + text
    assert bytes(buffer[len(before) : end]) + framer.pending == text


def test_a_datapoint_is_a_line_of_value_one() -> None:
    assert encode_line(b"canary.a.b", 1763700000) == b"canary.a.b 1 1763700000\n"
