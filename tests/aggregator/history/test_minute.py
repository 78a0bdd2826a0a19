from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from coalmine_aggregator.history.minute import Minute, MinuteError, decode, encode
from coalmine_aggregator.history.minute_layout import MAX_NUMBERS
from coalmine_aggregator.history.runs import Numbers
from coalmine_aggregator.history.seal import sealed, unsealed
from coalmine_aggregator.model.endings import PLAIN_ENDING
from tests.aggregator.history import dense

LOST = 9


def quiet(second_of: Iterable[int] = range(60)) -> Minute:
    minute = Minute()
    for second in second_of:
        minute.put(second, 7, PLAIN_ENDING, np.zeros(0, dtype=np.int32), np.zeros(0, dtype=np.uint8))
    return minute


def lost_in(minute: Minute, second: int) -> Numbers:
    found = minute.second(second)
    assert found is not None
    return found.numbers


def lossy(series: int, share: float, seed: int = 1) -> Minute:
    rng = np.random.default_rng(seed)
    minute = Minute()
    for second in range(60):
        lost = np.flatnonzero(rng.random(series) < share).astype(np.int32)
        minute.put(second, 0, PLAIN_ENDING, lost, np.full(len(lost), LOST, dtype=np.uint8))
    return minute


@given(dense.minutes())
def test_bytes_say_what_was_put(puts: dense.Puts) -> None:
    minute = Minute()
    expected = dense.put(minute, puts)
    assert dense.dense_of(minute) == expected
    assert dense.dense_of(decode(encode(minute))) == expected


@given(dense.minutes(), dense.minutes())
def test_bytes_do_not_depend_on_when_they_were_asked_for(some: dense.Puts, more: dense.Puts) -> None:
    """A minute is encoded each second; what was worked out before must not show."""
    asked, once = Minute(), Minute()
    for put in [*some, *more]:
        dense.put(asked, [put])
        encode(asked)
    dense.put(once, [*some, *more])
    assert encode(asked) == encode(once)


@given(dense.minutes())
def test_a_minute_goes_on_after_a_restart(puts: dense.Puts) -> None:
    whole, first = Minute(), Minute()
    dense.put(whole, puts)
    dense.put(first, puts[: len(puts) // 2])
    resumed = decode(encode(first))
    dense.put(resumed, puts[len(puts) // 2 :])
    assert encode(resumed) == encode(whole)


def test_green_minutes_are_tiny() -> None:
    assert len(encode(quiet())) <= 24
    assert len(encode(quiet(range(7, 31)))) <= 24
    assert len(encode(Minute())) <= 24


def test_an_independent_loss_takes_two_bytes() -> None:
    minute = lossy(6_000, 0.0002)
    exceptions = sum(len(lost_in(minute, second)) for second in range(60))
    assert exceptions > 50
    assert len(encode(minute)) <= 24 + 2.2 * exceptions


def test_rare_losses_of_a_large_fleet_are_not_reached_over_fillers() -> None:
    minute = lossy(1_000_000, 1e-7)
    exceptions = sum(len(lost_in(minute, second)) for second in range(60))
    assert 2 < exceptions < 20
    assert len(encode(minute)) <= 24 + 4 * exceptions


def test_an_outage_of_a_minute_is_short() -> None:
    minute = Minute()
    down = np.arange(2, 6_000, 6, dtype=np.int32)
    for second in range(60):
        minute.put(second, 0, PLAIN_ENDING, down.copy(), np.full(len(down), LOST, dtype=np.uint8))
    assert len(encode(minute)) <= 100
    assert dense.dense_of(decode(encode(minute)))[59].exceptions == dict.fromkeys(down.tolist(), LOST)


def test_a_part_that_keeps_failing_takes_a_mask_a_series() -> None:
    minute = lossy(1_000, 0.16)
    exceptions = sum(len(lost_in(minute, second)) for second in range(60))
    assert exceptions > 9_000
    assert len(encode(minute)) <= 10_500
    back = decode(encode(minute))
    for second in range(60):
        assert np.array_equal(lost_in(back, second), lost_in(minute, second))


def test_a_million_series_fit() -> None:
    minute = lossy(1_000_000, 0.02)
    back = decode(encode(minute))
    for second in range(60):
        assert np.array_equal(lost_in(back, second), lost_in(minute, second))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((60, 0, 2, [], []), "second 60"),
        ((-1, 0, 2, [], []), "second -1"),
        ((0, -1, 2, [], []), "roster -1"),
        ((0, 1 << 32, 2, [], []), "roster 4294967296"),
        ((0, 0, 30, [], []), "ending 30"),
        ((0, 0, 2, [1, 2], [9]), "shape"),
        ((0, 0, 2, [1], [30]), "ending 30"),
        ((0, 0, 2, [2, 1], [9, 9]), "ascend"),
        ((0, 0, 2, [1, 1], [9, 9]), "ascend"),
        ((0, 0, 2, [-1], [9]), "ascend"),
        ((0, 0, 2, [MAX_NUMBERS], [9]), "ascend"),
    ],
)
def test_what_cannot_be_kept_is_refused(arguments: Any, message: str) -> None:
    second, roster, usual, numbers, endings = arguments
    minute = Minute()
    with pytest.raises(ValueError, match=message):
        minute.put(
            second,
            roster,
            usual,
            np.array(numbers, dtype=np.int32),
            np.array(endings, dtype=np.uint8),
        )
    assert not minute.seen.any()


@given(st.binary(max_size=200))
@example(b"")
@example(b"\x01")
@example(b"\x01\x01")
@example(b"\x03\x00\x00\x00")
def test_any_bytes_are_a_minute_or_an_error(data: bytes) -> None:
    _decodes_or_tells(data)
    _decodes_or_tells(sealed(data))


@given(st.binary(max_size=120), st.sampled_from([1, 2]), st.integers(0, 3))
def test_any_body_is_a_minute_or_an_error(body: bytes, version: int, flags: int) -> None:
    _decodes_or_tells(sealed(bytes((version, flags)) + body))


@given(dense.minutes(), st.data())
def test_bits_that_flip_are_an_error(puts: dense.Puts, data: st.DataObject) -> None:
    minute = Minute()
    dense.put(minute, puts)
    body = bytearray(encode(minute))
    body[data.draw(st.integers(0, len(body) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(MinuteError, match="check"):
        decode(bytes(body))


@given(dense.minutes(), st.data())
def test_bits_that_flip_under_a_right_check_are_an_error_or_another_minute(
    puts: dense.Puts, data: st.DataObject
) -> None:
    minute = Minute()
    dense.put(minute, puts)
    body = bytearray(unsealed(encode(minute)))
    for _ in range(data.draw(st.integers(1, 3))):
        body[data.draw(st.integers(0, len(body) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    _decodes_or_tells(sealed(bytes(body)))


@given(dense.minutes(), st.data())
def test_bytes_that_are_cut_off_are_an_error(puts: dense.Puts, data: st.DataObject) -> None:
    minute = Minute()
    dense.put(minute, puts)
    body = encode(minute)
    with pytest.raises(MinuteError, match="damaged minute of"):
        decode(body[: data.draw(st.integers(0, len(body) - 1))])


def test_counts_beyond_the_bytes_are_refused_without_room_for_them() -> None:
    head = bytes((2, 2, 1, 1)) + bytes(6)
    for count in (1, 1 << 16, (1 << 32) - 1):
        for form in (0, 1, 2, 3, 4, 6):
            with pytest.raises(MinuteError, match="length"):
                decode(sealed(head + bytes((9, form)) + count.to_bytes(4, "little")))


def _decodes_or_tells(data: bytes) -> None:
    try:
        minute = decode(data)
    except MinuteError:
        return
    assert dense.dense_of(decode(encode(minute))) == dense.dense_of(minute)
