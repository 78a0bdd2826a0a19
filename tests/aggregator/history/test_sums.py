import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from coalmine_aggregator.history import sums, sums_columns, varints
from coalmine_aggregator.history.columns import read
from coalmine_aggregator.history.damage import TooMuchError
from coalmine_aggregator.history.minute import Minute, encode
from coalmine_aggregator.history.seal import sealed, unsealed
from coalmine_aggregator.history.sums import Sums, SumsError
from coalmine_aggregator.history.tally import blank, expected_by_group
from coalmine_aggregator.model.endings import COLUMNS, OUTCOMES, RECEIVED
from tests.aggregator.history import dense

NUMBERS, LEAVES = 40, 7


@st.composite
def tables(draw: st.DrawFn, highest: int = 2_000_000) -> Sums:
    """Sums of a few leaves, in runs and apart; delivered to most, or anything."""
    leaves = sorted(draw(st.sets(st.integers(0, 12) | st.integers(0, (1 << 20) - 1), max_size=8)))
    table = np.zeros((len(leaves), COLUMNS), dtype=np.int64)
    for row in range(len(leaves)):
        table[row, 0] = draw(st.sampled_from([0, 60, 60, 60, 1800]) | st.integers(0, highest))
        for column in draw(st.sets(st.integers(1, OUTCOMES - 1), max_size=3)):
            table[row, column] = draw(st.integers(0, 5) | st.integers(0, highest))
        table[row, RECEIVED] = max(
            0, table[row, 0] + draw(st.sampled_from([0, 0, 0, 1, -1]) | st.integers(-99, highest))
        )
    return Sums(np.array(leaves, dtype=np.int32), table, draw(st.sampled_from([0, 1, 59, 60, 3600])))


def same(some: Sums, other: Sums) -> bool:
    return (
        some.leaves.tolist() == other.leaves.tolist()
        and np.array_equal(some.table, other.table)
        and some.slots == other.slots
    )


@given(tables())
def test_bytes_say_the_sums(table: Sums) -> None:
    assert same(sums.decode(sums.encode(table)), table)


@given(st.lists(tables(), max_size=5))
def test_added_up_every_leaf_has_all_its_counts(parts: list[Sums]) -> None:
    together = sums.add(parts)
    assert together.slots == sum(part.slots for part in parts)
    expected: dict[int, np.ndarray] = {}
    for part in parts:
        for leaf, row in zip(part.leaves.tolist(), part.table, strict=True):
            expected[leaf] = expected.get(leaf, 0) + row
    assert together.leaves.tolist() == sorted(expected)
    for leaf, row in zip(together.leaves.tolist(), together.table, strict=True):
        assert np.array_equal(row, expected[leaf])


@given(dense.minutes(NUMBERS), st.integers(0, 5))
def test_a_minutes_sums_are_what_counting_gives(puts: dense.Puts, seed: int) -> None:
    rng = np.random.default_rng(seed)
    masks = [rng.random(NUMBERS) < 0.8 for _ in range(3)]
    leaf_of = rng.integers(0, LEAVES, NUMBERS, dtype=np.int32)
    minute = Minute()
    seconds: dense.Dense = {}
    for second, what in puts:
        kept = {number: how for number, how in what.exceptions.items() if masks[what.roster][number]}
        seconds |= dense.put(minute, [(second, what._replace(exceptions=kept))])
    expected_of = {
        roster: expected_by_group(mask, leaf_of, LEAVES) for roster, mask in enumerate(masks)
    }
    found = sums.of_minute(77, read([(77, encode(minute))]), expected_of, leaf_of, LEAVES)
    table = np.zeros((LEAVES, COLUMNS), dtype=np.int64)
    for what in seconds.values():
        for number in np.flatnonzero(masks[what.roster]).tolist():
            ending = what.exceptions.get(number, what.usual)
            table[leaf_of[number], ending // 3] += 1
            table[leaf_of[number], RECEIVED] += ending % 3 == 2
    rows = np.flatnonzero(table.any(axis=1))
    assert same(found, Sums(rows.astype(np.int32), table[rows], len(seconds)))
    assert same(sums.decode(sums.encode(found)), found)


@given(
    st.lists(tables(), min_size=1, max_size=5),
    st.lists(st.integers(-1, 2), max_size=15),
    st.sampled_from([60, 300]),
    st.integers(0, 200),
)
def test_rows_read_at_once_add_up_to_what_each_says(
    parts: list[Sums], group_of: list[int], step_s: int, skip: int
) -> None:
    """Between rows that are asked for in part only, and groups that not all leaves have."""
    rows = [(6000 + 60 * index, sums.encode(part)) for index, part in enumerate(parts)]
    result = blank(3, 6000 + skip, 6000 + 60 * len(parts) + 200, step_s)
    sums_columns.add(result, sums_columns.read(rows), np.array(group_of, dtype=np.int32))
    expected = np.zeros_like(result.sums)
    seen = np.zeros_like(result.seen)
    for (start, _), part in zip(rows, parts, strict=True):
        if start < 6000 + skip:
            continue
        bucket = (start - result.first) // step_s
        seen[bucket] += part.slots
        for leaf, row in zip(part.leaves.tolist(), part.table, strict=True):
            if leaf < len(group_of) and group_of[leaf] >= 0:
                expected[bucket, group_of[leaf]] += row
    assert np.array_equal(result.sums, expected)
    assert np.array_equal(result.seen, seen)


def test_a_minute_of_a_usual_fleet_takes_a_hundred_bytes() -> None:
    rng = np.random.default_rng(2)
    table = np.zeros((60, COLUMNS), dtype=np.int64)
    table[:, 0] = 60 * np.repeat(rng.integers(80, 121, 10), 6)
    lost = rng.binomial(table[:, 0], 0.0002)
    table[:, 3] = lost
    table[:, 0] -= lost
    table[:, RECEIVED] = table[:, 0]
    assert len(sums.encode(Sums(np.arange(60, dtype=np.int32), table, 60))) <= 100


def test_no_rows_are_empty_columns() -> None:
    found = sums_columns.read([])
    assert found.damaged == 0
    assert not len(found.leaf)


@pytest.mark.parametrize(
    ("leaves", "table", "message"),
    [
        ([1, 1], np.zeros((2, COLUMNS)), "ascend"),
        ([-1], np.zeros((1, COLUMNS)), "ascend"),
        ([1 << 20], np.zeros((1, COLUMNS)), "ascend"),
        ([1], np.zeros((2, COLUMNS)), "shape"),
        ([1], np.full((1, COLUMNS), -1), "counts from -1"),
        ([1], np.full((1, COLUMNS), 1 << 45), "counts from"),
    ],
)
def test_what_cannot_be_kept_is_refused(
    leaves: list[int], table: NDArray[np.float64], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        sums.encode(Sums(np.array(leaves, dtype=np.int32), table.astype(np.int64), 60))


@given(st.binary(max_size=60), st.booleans())
def test_any_bytes_are_sums_or_an_error(data: bytes, with_check: bool) -> None:
    _decodes_or_tells(sealed(b"\x01" + data) if with_check else data)


@given(
    st.lists(st.integers(0, 4) | st.integers(0, varints.LIMIT - 1), min_size=6, max_size=16),
    st.data(),
)
def test_any_numbers_are_sums_or_an_error(numbers: list[int], data: st.DataObject) -> None:
    """With counts that fit the length, so that what they count is looked at."""
    rest = len(numbers) - 6
    leaf_runs = data.draw(st.integers(0, rest // 2))
    expected_runs = data.draw(st.integers(0, rest // 2 - leaf_runs))
    left = rest - 2 * (leaf_runs + expected_runs)
    extras = data.draw(st.integers(0, left))
    numbers[2:6] = leaf_runs, expected_runs, left - extras, extras
    _decodes_or_tells(sealed(b"\x01" + varints.encode(np.array(numbers, dtype=np.int64))))


@given(tables(), st.data())
def test_bits_that_flip_are_an_error_under_any_check(table: Sums, data: st.DataObject) -> None:
    body = bytearray(sums.encode(table))
    body[data.draw(st.integers(0, len(body) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(SumsError):
        sums.decode(bytes(body))
    body = bytearray(unsealed(sums.encode(table)))
    for _ in range(data.draw(st.integers(1, 3))):
        body[data.draw(st.integers(0, len(body) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    _decodes_or_tells(sealed(bytes(body)))


@given(st.lists(tables(), min_size=1, max_size=5), st.data())
def test_damaged_rows_are_left_out_and_told(parts: list[Sums], data: st.DataObject) -> None:
    rows = [(60 * index, sums.encode(part)) for index, part in enumerate(parts)]
    bad = data.draw(st.sets(st.sampled_from(range(len(rows)))))
    for row in bad:
        start, body = rows[row]
        rows[row] = start, data.draw(st.sampled_from([b"", b"\x01", sealed(b"\x02\x00"), body[:-1]]))
    found = sums_columns.read(rows)
    assert found.faults.keys() == {60 * row for row in bad}
    assert found.start.tolist() == [60 * row for row in range(len(rows)) if row not in bad]
    good = [part for row, part in enumerate(parts) if row not in bad]
    assert found.leaf.tolist() == [leaf for part in good for leaf in part.leaves.tolist()]


def test_leaves_beyond_what_fits_are_refused_without_room_for_them() -> None:
    count = 1 << 20
    every = Sums(np.arange(count, dtype=np.int32), np.zeros((count, COLUMNS), dtype=np.int64), 1)
    one = sums.encode(every)
    assert len(one) < 40
    assert same(sums.decode(one), every)
    with pytest.raises(TooMuchError, match="fewer rows"):
        sums_columns.read([(start, one) for start in range(17)])


def _decodes_or_tells(data: bytes) -> None:
    try:
        found = sums.decode(data)
    except SumsError:
        return
    assert len(found.leaves) == len(found.table)
