import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coalmine_aggregator.history.varints import LIMIT, decode, encode

numbers = st.lists(st.one_of(st.integers(0, 300), st.integers(0, LIMIT - 1)), max_size=20)


@given(st.lists(numbers, max_size=6))
def test_rows_say_their_numbers(rows: list[list[int]]) -> None:
    found = decode([encode(np.array(row, dtype=np.int64)) for row in rows])
    assert found.sound.all()
    assert [
        found.values[begin:end].tolist()
        for begin, end in zip(found.bounds, found.bounds[1:], strict=False)
    ] == rows


@given(st.lists(st.binary(max_size=12), max_size=6))
def test_any_bytes_are_numbers_or_not_sound(rows: list[bytes]) -> None:
    found = decode(rows)
    whole = [not row or row[-1] < 0x80 for row in rows]
    short = [
        max((len(part) for part in bytes(byte >> 7 for byte in row).split(b"\0")), default=0) < 7
        for row in rows
    ]
    for row, (sound, is_whole, is_short) in enumerate(zip(found.sound, whole, short, strict=True)):
        if is_whole and all(whole):
            assert sound == is_short
        elif not is_whole:
            assert not sound
        if all(found.sound):
            part = found.values[found.bounds[row] : found.bounds[row + 1]]
            assert decode([encode(part)]).values.tolist() == part.tolist()


@pytest.mark.parametrize("number", [-1, LIMIT])
def test_what_does_not_fit_is_refused(number: int) -> None:
    with pytest.raises(ValueError, match="expected 0 to"):
        encode(np.array([5, number], dtype=np.int64))


def test_small_numbers_take_a_byte() -> None:
    assert encode(np.array([0, 127, 128], dtype=np.int64)) == b"\x00\x7f\x80\x01"
