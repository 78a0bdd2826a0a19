import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from coalmine_aggregator.history.minute_layout import MAX_NUMBERS
from coalmine_aggregator.history.roster_mask import RosterError, decode, encode
from coalmine_aggregator.history.seal import sealed

Mask = NDArray[np.bool_]

masks = st.lists(st.booleans(), max_size=300).map(lambda bits: np.array(bits, dtype=np.bool_))


@given(masks)
def test_bytes_say_who_was_expected(mask: Mask) -> None:
    back = decode(encode(mask))
    assert back.dtype == np.bool_
    assert np.array_equal(back, mask)


def test_a_large_fleet_is_short() -> None:
    assert len(encode(np.ones(1_000_000, dtype=np.bool_))) < 200


def test_too_many_numbers_are_refused() -> None:
    with pytest.raises(ValueError, match="at most"):
        encode(np.zeros(MAX_NUMBERS + 1, dtype=np.bool_))


@given(st.binary(max_size=60), st.booleans())
def test_any_bytes_are_a_roster_or_an_error(data: bytes, with_check: bool) -> None:
    try:
        mask = decode(sealed(data) if with_check else data)
    except RosterError:
        return
    assert np.array_equal(decode(encode(mask)), mask)


@given(masks, st.data())
def test_bits_that_flip_are_an_error(mask: Mask, data: st.DataObject) -> None:
    body = bytearray(encode(mask))
    body[data.draw(st.integers(0, len(body) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(RosterError):
        decode(bytes(body))


@pytest.mark.parametrize(
    "body",
    [
        b"\x02" + bytes(4) + zlib.compress(b""),
        b"\x01" + (MAX_NUMBERS + 1).to_bytes(4, "little") + zlib.compress(b""),
        b"\x01" + (9).to_bytes(4, "little") + zlib.compress(b"\x01"),
        b"\x01" + (9).to_bytes(4, "little") + zlib.compress(bytes(1 << 20)),
        b"\x01" + (8).to_bytes(4, "little") + b"\x01",
    ],
)
def test_what_does_not_fit_is_an_error(body: bytes) -> None:
    with pytest.raises(RosterError):
        decode(sealed(body))
