from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from coalmine_aggregator.history import step_times
from coalmine_aggregator.history.damage import TooMuchError
from coalmine_aggregator.history.seal import sealed, unsealed
from coalmine_aggregator.history.step_times import (
    MAX_CELLS,
    MAX_COUNT,
    STEPS,
    TOTAL,
    StepTimes,
    StepTimesError,
    add,
    decode,
    encode,
    of_timings,
    read,
)
from coalmine_aggregator.model.step_bins import BINS, bins_of, quantile_us


@st.composite
def histograms(draw: st.DrawFn, most: int = 15) -> StepTimes:
    """Of any few cells and steps; counts up to 15 are kept exactly."""
    keys = sorted(draw(st.sets(st.integers(0, 40) | st.integers(0, MAX_CELLS * STEPS - 1), max_size=8)))
    counts = np.zeros((len(keys), BINS), dtype=np.int64)
    for row in range(len(keys)):
        for place, count in draw(
            st.dictionaries(st.integers(0, BINS - 1), st.integers(0, most), max_size=6)
        ).items():
            counts[row, place] = count
    array = np.array(keys, dtype=np.int64)
    return StepTimes((array // STEPS).astype(np.int32), (array % STEPS).astype(np.uint8), counts)


def same(some: Iterable[NDArray[Any]], other: Iterable[NDArray[Any]]) -> bool:
    return all(np.array_equal(mine, theirs) for mine, theirs in zip(some, other, strict=True))


@given(histograms())
def test_small_counts_are_kept_exactly(times: StepTimes) -> None:
    back = decode(encode(times))
    assert same(back, times)
    assert [column.dtype for column in back] == [column.dtype for column in times]


@given(histograms(most=10_000_000), st.sampled_from([10, 100, 900]))
def test_what_lies_below_any_time_is_off_by_a_part_of_a_bin(times: StepTimes, room: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(step_times, "_ROOM", room)
        body = encode(times)
        back = decode(body)
        again = decode(encode(back))
    part = {4: 16, 3: 8, 2: 4}[body[1] // 2]
    assert part == 16 or room < 900
    assert same(back[:2], times[:2])
    assert ((back.counts > 0) <= (times.counts > 0)).all()
    off = np.abs(np.cumsum(back.counts, axis=1) - np.cumsum(times.counts, axis=1))
    largest = np.maximum.accumulate(times.counts, axis=1)
    assert (off <= largest / part + 0.5).all()
    assert same(again, back)


@given(st.lists(histograms(), max_size=5))
def test_added_up_every_histogram_has_all_its_counts(parts: list[StepTimes]) -> None:
    expected: dict[tuple[int, int], NDArray[np.int64]] = {}
    for part in parts:
        for cell, step, counts in zip(*part, strict=True):
            key = int(cell), int(step)
            expected[key] = expected.get(key, np.zeros(BINS, dtype=np.int64)) + counts
    together = add(parts)
    assert list(zip(together.cell.tolist(), together.step.tolist(), strict=True)) == sorted(expected)
    for key, counts in zip(sorted(expected), together.counts, strict=True):
        assert np.array_equal(counts, expected[key])


@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.tuples(*[st.sampled_from([-1, -1, 0, 90, 2**31 - 1])] * TOTAL)),
        max_size=12,
    )
)
def test_attempts_count_in_each_step_they_took_and_in_total(
    attempts: list[tuple[int, tuple[int, ...]]],
) -> None:
    found = of_timings(
        np.array([cell for cell, _ in attempts], dtype=np.int32),
        np.array([steps for _, steps in attempts], dtype=np.int32).reshape(-1, TOTAL),
    )
    expected: dict[tuple[int, int], list[int]] = {}
    for cell, steps in attempts:
        taken = [us for us in steps if us >= 0]
        times = [*enumerate(steps), (TOTAL, sum(taken) if taken else -1)]
        for step, us in times:
            if us >= 0:
                row = expected.setdefault((cell, step), [0] * BINS)
                row[int(bins_of(np.array([us]))[0])] += 1
    keys = list(zip(found.cell.tolist(), found.step.tolist(), strict=True))
    assert dict(zip(keys, found.counts.tolist(), strict=True)) == expected
    assert keys == sorted(keys)


def test_quantiles_and_counts_of_many_attempts_survive() -> None:
    rng = np.random.default_rng(5)
    steps = np.full((60_000, TOTAL), -1, dtype=np.int32)
    steps[:, 1] = rng.lognormal(np.log(800), 0.4, len(steps))
    steps[:, 4] = rng.lognormal(np.log(3_000), 0.7, len(steps))
    times = of_timings(np.zeros(len(steps), dtype=np.int32), steps)
    back = decode(encode(times))
    assert np.abs(back.counts.sum(axis=1) - 60_000).max() <= 60
    for share in (0.5, 0.9, 0.99):
        kept = quantile_us(back.counts, share)
        assert kept == pytest.approx(quantile_us(times.counts, share), rel=0.02)


@given(st.lists(histograms(), max_size=5), st.data())
def test_rows_read_at_once_say_what_each_says_but_for_damaged_ones(
    parts: list[StepTimes], data: st.DataObject
) -> None:
    rows = [(60 * index, encode(part)) for index, part in enumerate(parts)]
    bad = data.draw(st.sets(st.sampled_from(range(len(rows))))) if rows else set()
    for row in bad:
        start, body = rows[row]
        harm = data.draw(
            st.sampled_from([b"", b"\x01", sealed(b"\x02\x00\x00\x00\x00\x00"), body[:-1]])
        )
        rows[row] = start, harm
    found = read(rows)
    assert found.faults.keys() == {60 * row for row in bad}
    assert found.damaged == len(bad)
    good = [row for row in range(len(parts)) if row not in bad]
    assert found.start.tolist() == [60 * row for row in good]
    counts = np.zeros((len(found.row), BINS), dtype=np.int64)
    counts[found.place, found.bin] = found.amount
    for index, row in enumerate(good):
        those = found.row == index
        assert same((found.cell[those], found.step[those], counts[those]), parts[row])


@given(st.binary(max_size=60), st.integers(2, 11), st.booleans())
def test_any_bytes_are_step_times_or_an_error(data: bytes, flags: int, with_check: bool) -> None:
    _decodes_or_tells(sealed(bytes((1, flags)) + data) if with_check else data)


@given(histograms(most=300), st.data())
def test_bits_that_flip_are_an_error_under_any_check(times: StepTimes, data: st.DataObject) -> None:
    body = bytearray(encode(times))
    body[data.draw(st.integers(0, len(body) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(StepTimesError):
        decode(bytes(body))
    body = bytearray(unsealed(encode(times)))
    for _ in range(data.draw(st.integers(1, 3))):
        body[data.draw(st.integers(0, len(body) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    _decodes_or_tells(sealed(bytes(body)))


def test_counts_beyond_the_bytes_are_refused_without_room_for_them() -> None:
    for count in (1, 1 << 20, (1 << 32) - 1):
        with pytest.raises(StepTimesError, match="cut off"):
            decode(sealed(b"\x01\x08" + count.to_bytes(4, "little")))


def test_more_than_fits_at_once_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(step_times, "MAX_READ", 5)
    one = encode(of_timings(np.zeros(1, dtype=np.int32), np.full((1, TOTAL), 7, dtype=np.int32)))
    with pytest.raises(TooMuchError, match="fewer rows"):
        read([(0, one)])


@pytest.mark.parametrize(
    ("cells", "steps", "count", "message"),
    [
        ([3, 3], [1, 1], 0, "ascend"),
        ([-1], [0], 0, "ascend"),
        ([MAX_CELLS], [0], 0, "ascend"),
        ([0], [0], -1, "counts from -1"),
        ([0], [0], MAX_COUNT, "counts from"),
    ],
)
def test_what_cannot_be_kept_is_refused(
    cells: list[int], steps: list[int], count: int, message: str
) -> None:
    counts = np.full((len(cells), BINS), count, dtype=np.int64)
    times = StepTimes(np.array(cells, dtype=np.int32), np.array(steps, dtype=np.uint8), counts)
    with pytest.raises(ValueError, match=message):
        encode(times)


def test_steps_of_another_shape_are_refused() -> None:
    with pytest.raises(ValueError, match="shape"):
        of_timings(np.zeros(2, dtype=np.int32), np.zeros((1, TOTAL), dtype=np.int32))
    with pytest.raises(ValueError, match="cells from"):
        of_timings(np.array([MAX_CELLS], dtype=np.int32), np.zeros((1, TOTAL), dtype=np.int32))


def _decodes_or_tells(data: bytes) -> None:
    try:
        times = decode(data)
    except StepTimesError:
        return
    assert same(decode(encode(times)), times)
