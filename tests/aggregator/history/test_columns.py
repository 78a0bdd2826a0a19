import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coalmine_aggregator.history import columns
from coalmine_aggregator.history.columns import pieces, read
from coalmine_aggregator.history.damage import TooMuchError
from coalmine_aggregator.history.minute import Minute, encode
from coalmine_aggregator.history.seal import sealed
from tests.aggregator.history import dense

Rows = list[tuple[int, bytes]]
Story = list[tuple[int, dense.Puts]]
Part = tuple[int, int, int]

stories = st.lists(st.tuples(st.integers(1, 5), dense.minutes()), max_size=6)


def rows_of(story: Story, begin: int = 29_000_000) -> tuple[Rows, dense.Dense]:
    """Rows of minutes with gaps between them, and their dense seconds by slot."""
    rows: Rows = []
    expected: dense.Dense = {}
    minute_number = begin
    for gap, puts in story:
        minute_number += gap
        minute = Minute()
        seconds = dense.put(minute, puts)
        expected |= {minute_number * 60 + second: what for second, what in seconds.items()}
        rows.append((minute_number, encode(minute)))
    return rows, expected


@given(stories)
def test_many_rows_say_what_each_says(story: Story) -> None:
    rows, expected = rows_of(story)
    found = read(rows)
    assert found.damaged == 0
    assert dense.dense_columns(found) == expected
    assert found.seen_slot.tolist() == sorted(expected)
    columns_of = [*found[:3], *found.single[:4], *found.lasting]
    assert [column.dtype.name for column in columns_of if column is not None] == [
        *("int64", "int64", "uint8"),
        *("int64", "uint8", "int64", "int32"),
        *("int64", "uint8", "int64", "int32", "uint64"),
    ]


@given(stories, st.data())
def test_damaged_rows_are_left_out_and_told(story: Story, data: st.DataObject) -> None:
    rows, expected = rows_of(story)
    damaged = {}
    for index, (minute, body) in enumerate(rows):
        harm = data.draw(st.sampled_from(["none", "none", "cut", "flip", "empty", "version", "blocks"]))
        if harm == "cut":
            body = body[:-1]
        elif harm == "flip":
            body = bytes((body[0] ^ 16,)) + body[1:]
        elif harm == "empty":
            body = b""
        elif harm == "version":
            body = sealed(b"\x09\x02\x00\x00")
        elif harm == "blocks":
            body = sealed(b"\x01\x02\x01\x01" + bytes(6) + b"\x1e\x00\x01\x00\x00\x00\x00\x00")
        if harm != "none":
            damaged[minute] = harm
        rows[index] = minute, body
    found = read(rows)
    assert found.faults.keys() == damaged.keys()
    assert found.damaged == len(damaged)
    kept = {slot: what for slot, what in expected.items() if slot // 60 not in damaged}
    assert dense.dense_columns(found) == kept


@given(stories, st.integers(1, 400))
def test_pieces_say_together_what_is_read_at_once(story: Story, limit: int) -> None:
    rows, expected = rows_of(story)
    found: dense.Dense = {}
    for piece in pieces(iter(rows), limit):
        found |= dense.dense_columns(piece)
    assert found == expected


def test_no_rows_are_empty_columns() -> None:
    found = read([])
    assert found.damaged == 0
    assert not found.seen_slot.size
    assert not found.single.seconds
    assert not found.lasting.seconds


@pytest.mark.parametrize("minutes", [(5, 5), (5, 4)])
def test_minutes_have_to_ascend(minutes: tuple[int, ...]) -> None:
    body = encode(Minute())
    with pytest.raises(ValueError, match=f"minute {minutes[1]} after 5"):
        read([(minute, body) for minute in minutes])


def test_more_than_fits_at_once_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    minute = Minute()
    minute.put(0, 0, 2, np.arange(500, dtype=np.int32), np.full(500, 9, dtype=np.uint8))
    monkeypatch.setattr(columns, "MAX_READ", 1000)
    body = encode(minute)
    assert read([(0, body)]).damaged == 0
    with pytest.raises(TooMuchError, match="fewer minutes"):
        read([(0, body), (1, body)])


def test_a_small_stream_that_holds_too_much_is_damaged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(columns, "MAX_BODY", 1000)
    minute = Minute()
    minute.put(0, 0, 2, np.arange(5000, dtype=np.int32), np.full(5000, 9, dtype=np.uint8))
    body = encode(minute)
    assert len(body) < 1000
    assert read([(0, body)]).damaged == 1


def words(*numbers: int) -> bytes:
    return b"".join(number.to_bytes(2, "little") for number in numbers)


def body(
    *blocks: Part,
    version: int = 2,
    flags: int = 2,
    spans: tuple[Part, ...] = ((0, 2, 0),),
    units: bytes = b"",
    seen: bytes = b"",
) -> bytes:
    """A row of spans (first second, usual ending, roster) and blocks (ending, form, how many units)."""
    parts = [
        words(low | high << 8, number & 0xFFFF, number >> 16) for low, high, number in (*spans, *blocks)
    ]
    return sealed(
        words(version | flags << 8, len(spans) | len(blocks) << 8) + seen + b"".join(parts) + units
    )


RUN, WIDE, MASK = 1, 2, 4
LATE = (1 << 40).to_bytes(8, "little")


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (sealed(words(3, 0)), "version"),
        (sealed(words(1 | 4 << 8, 0)), "flags"),
        (sealed(words(1 | 2 << 8, 1)), "cut off"),
        (sealed(words(1 | 2 << 8, 1) + b"\x00"), "length"),
        (body((9, 0, 2), units=words(5)), "length"),
        (body(units=words(5)), "length"),
        (body(flags=0, seen=bytes(7) + b"\x10"), "more seconds"),
        (body(spans=()), "no roster"),
        (body(spans=((1, 2, 0),)), "follow"),
        (body(spans=((0, 2, 0), (0, 2, 1))), "follow"),
        (body(spans=((0, 2, 0), (60, 2, 1))), "follow"),
        (body(spans=((0, 30, 0),)), "follow"),
        (body((30, 0, 1), units=words(5)), "unknown"),
        (body((9, 8, 1), units=words(5)), "unknown"),
        (body((9, RUN | MASK, 1), units=words(5, 1, 0, 0, 0)), "unknown"),
        (body((9, MASK, 1), version=1, units=words(5, 1, 0, 0, 0)), "unknown"),
        (body((9, MASK, 1), units=words(5)), "length"),
        (body((9, MASK, 1), spans=((0, 2, 0), (9, 2, 1)), units=words(5, 1, 0, 0, 0)), "several"),
        (body((9, MASK, 1), units=words(5, 0, 0, 0, 0)), "do not last"),
        (body((9, MASK, 1), units=words(5, 2, 0, 0, 0)), "do not last"),
        (body((9, MASK, 1), units=words(6, 1, 0, 0, 1 << 6)), "do not last"),
        (body((9, MASK, 1), flags=0, seen=LATE, units=words(40, 3, 0, 0, 0)), "not seen"),
        (body((9, RUN, 1), units=words(5, 255)), "do not last"),
        (body((9, 0, 0)), "without exceptions"),
        (body((9, 0, 2), units=words(5, 0)), "do not ascend"),
        (body((9, WIDE, 2), units=words(5, 0, 0, 0)), "do not ascend"),
        (body((9, WIDE, 1), units=words(0, 0x3C00)), "too large"),
        (body((9, RUN, 1), units=words(5, 0)), "do not last"),
        (body((9, RUN, 1), units=words(5, 56)), "do not last"),
        (body((9, 0, 1), flags=0, seen=LATE, units=words(5)), "not seen"),
        (body((9, RUN, 1), flags=0, seen=LATE, units=words(40, 2)), "not seen"),
    ],
)
def test_each_kind_of_damage_is_told(data: bytes, fault: str) -> None:
    good = body((9, 0, 1), units=words(5))
    found = read([(1, good), (2, data), (3, good)])
    assert list(found.faults) == [2]
    assert fault in found.faults[2]
    assert found.single.slot.tolist() == [65, 185]


def test_what_is_at_the_bounds_is_sound() -> None:
    rows = [
        body((9, WIDE, 1), units=words(0xFFFF, 0x3BFF)),
        body((9, RUN, 1), version=1, units=words(5, 55)),
        body((9, 0, 2), version=1, units=words(0xFFFF, 0)),
        body((9, RUN, 1), flags=0, seen=LATE, units=words(40, 1)),
        body((9, MASK, 1), units=words(5, 1, 0, 0, 1 << 6)),
        body((9, MASK | WIDE, 1), flags=0, seen=LATE, units=words(40, 0, 1, 0, 0, 0)),
        body((9, MASK, 2), units=words(0xFFFF, 0, 0, 0, 0, 0, 3, 0, 0, 0)),
    ]
    found = read(list(enumerate(rows)))
    assert not found.faults
    assert found.single.key.tolist() == [0x3BFFFFFF, 0xFFFF]
    assert found.single.slot.tolist() == [0x3BFFFFFF % 60, 120 + 0xFFFF % 60]
    assert found.lasting.key.tolist() == [5, 40, 5, 40, 0xFFFF]
    assert found.lasting.mask is not None
    assert found.lasting.mask.tolist() == [(1 << 55) - 1, 1, 1 | 1 << 54, 1, 3]
    assert found.lasting.by_second().slot.tolist()[-5:] == [245, 299, 340, 360 + 15, 360 + 16]
