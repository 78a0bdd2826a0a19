"""The frame cutter. Invariant: the same frames whatever the chunks, and never more kept than needed."""

from __future__ import annotations

import struct
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coalmine_wire.pickle_frames import MAX_FRAME, FrameCutter, FrameTooLongError, encode_frame


@given(
    st.lists(st.binary(max_size=300), max_size=20),
    st.binary(max_size=3),
    st.lists(st.integers(0, 6000)),
)
def test_any_chunking_gives_the_same_frames(bodies: list[bytes], rest: bytes, cuts: list[int]) -> None:
    stream = b"".join(map(encode_frame, bodies)) + rest
    edges = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    cutter = FrameCutter()
    frames: list[bytes] = []
    for start, end in pairwise(edges):
        cutter.feed(stream[start:end], frames)
    assert frames == bodies
    assert cutter.held == len(rest)


@pytest.mark.parametrize("length", [MAX_FRAME + 1, 2**31, 2**32 - 1])
def test_a_frame_that_claims_too_much_ends_the_stream_at_its_head(length: int) -> None:
    frames: list[bytes] = []
    with pytest.raises(FrameTooLongError) as error:
        FrameCutter().feed(encode_frame(b"before") + struct.pack(">I", length), frames)
    assert error.value.length == length
    assert frames == [b"before"]


def test_the_longest_frame_passes() -> None:
    frames: list[bytes] = []
    FrameCutter().feed(encode_frame(bytes(MAX_FRAME)), frames)
    assert [len(frame) for frame in frames] == [MAX_FRAME]


def test_what_is_too_long_to_be_read_is_not_written() -> None:
    with pytest.raises(FrameTooLongError):
        encode_frame(bytes(MAX_FRAME + 1))
