from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from coalmine_aggregator.history import tally as tally_module
from coalmine_aggregator.history.columns import pieces, read
from coalmine_aggregator.history.minute import Minute, encode
from coalmine_aggregator.history.tally import add, blank, expected_by_group, tally
from coalmine_aggregator.model.endings import COLUMNS, OUTCOMES, RECEIVED
from tests.aggregator.history import dense

NUMBERS = 40
BEGIN = 29_000_000

Mask = NDArray[np.bool_]
Story = tuple[list[tuple[int, bytes]], dense.Dense, list[Mask]]


def brute(
    seconds: dense.Dense,
    rosters: dict[int, Mask],
    group_of: list[int],
    groups: int,
    first: int,
    last: int,
    step_s: int,
) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """One series and one second after the other."""
    begin = first // step_s
    sums = np.zeros((last // step_s - begin + 1, groups, COLUMNS), dtype=np.int64)
    seen = np.zeros(len(sums), dtype=np.int32)
    for slot, second in seconds.items():
        if not first <= slot <= last or second.roster not in rosters:
            continue
        bucket = slot // step_s - begin
        seen[bucket] += 1
        for number in np.flatnonzero(rosters[second.roster]).tolist():
            group = group_of[number] if number < len(group_of) else -1
            if group >= 0:
                ending = second.exceptions.get(number, second.usual)
                sums[bucket, group, ending // 3] += 1
                sums[bucket, group, RECEIVED] += ending % 3 == 2
    return sums, seen


@st.composite
def stories(draw: st.DrawFn) -> Story:
    """Minutes whose exceptions are all expected, with their rosters."""
    masks = draw(
        st.lists(
            st.lists(st.booleans(), min_size=NUMBERS, max_size=NUMBERS).map(np.array),
            min_size=3,
            max_size=3,
        )
    )
    rows: list[tuple[int, bytes]] = []
    seconds: dense.Dense = {}
    minute_number = BEGIN
    for gap, puts in draw(
        st.lists(st.tuples(st.integers(1, 2), dense.minutes(NUMBERS)), min_size=1, max_size=4)
    ):
        minute_number += gap
        minute = Minute()
        for second, what in puts:
            mask = masks[what.roster]
            kept = {number: how for number, how in what.exceptions.items() if mask[number]}
            dense.put(minute, [(second, what._replace(exceptions=kept))])
            seconds[minute_number * 60 + second] = what._replace(exceptions=kept)
        rows.append((minute_number, encode(minute)))
    return rows, seconds, masks


@given(
    stories(),
    st.lists(st.integers(-1, 3), max_size=NUMBERS),
    st.sets(st.integers(0, 2), max_size=3),
    st.integers(0, 500),
    st.integers(0, 500),
    st.sampled_from([1, 7, 10, 60, 300]),
)
def test_sums_are_what_counting_one_by_one_gives(
    story: Story, group_of: list[int], lost_rosters: set[int], begin: int, size: int, step_s: int
) -> None:
    rows, seconds, masks = story
    first = BEGIN * 60 + begin
    last = first + size
    groups = 4
    group_array = np.array(group_of, dtype=np.int32)
    rosters = {number: mask for number, mask in enumerate(masks) if number not in lost_rosters}
    expected_of = {
        number: expected_by_group(mask, group_array, groups) for number, mask in rosters.items()
    }
    asked = (expected_of, group_array, groups, first, last, step_s)
    found = tally(read(rows), *asked)
    sums, seen = brute(seconds, rosters, group_of, groups, first, last, step_s)
    assert found.first == first // step_s * step_s
    assert found.step_s == step_s
    assert np.array_equal(found.sums, sums)
    assert np.array_equal(found.seen, seen)
    assert found.sums.min(initial=0) >= 0

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tally_module, "_LASTING_AT_ONCE", 3)
        together = blank(groups, first, last, step_s)
        for piece in pieces(rows, 50):
            add(together, piece, expected_of, group_array)
    assert np.array_equal(together.sums, sums)
    assert np.array_equal(together.seen, seen)


@given(stories(), st.sampled_from([1, 10, 60]))
def test_the_outcomes_add_up_to_what_was_expected(story: Story, step_s: int) -> None:
    rows, seconds, masks = story
    group_of = np.arange(NUMBERS, dtype=np.int32) % 5
    expected_of = {number: expected_by_group(mask, group_of, 5) for number, mask in enumerate(masks)}
    first, last = min(seconds, default=BEGIN * 60), max(seconds, default=BEGIN * 60)
    found = tally(read(rows), expected_of, group_of, 5, first, last, step_s)
    expected = np.zeros_like(found.sums[:, :, 0])
    for slot, second in seconds.items():
        expected[slot // step_s - first // step_s] += expected_of[second.roster]
    assert np.array_equal(found.sums[:, :, :OUTCOMES].sum(axis=2), expected)


def test_many_stretches_are_added_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tally_module, "_AT_ONCE", 6)
    minute = Minute()
    nobody = np.zeros(0, dtype=np.int32), np.zeros(0, dtype=np.uint8)
    for second in range(60):
        minute.put(second, second % 7, 2, *nobody)
    expected_of = {number: np.array([number, 1], dtype=np.int64) for number in range(7)}
    group_of = np.zeros(0, dtype=np.int32)
    found = tally(read([(0, encode(minute))]), expected_of, group_of, 2, 0, 59, 60)
    assert found.sums[0, :, 0].tolist() == [sum(second % 7 for second in range(60)), 60]


def test_nothing_is_seen_where_nothing_was_kept() -> None:
    found = tally(read([]), {}, np.zeros(0, dtype=np.int32), 2, 600, 1199, 60)
    assert found.sums.shape == (10, 2, COLUMNS)
    assert not found.sums.any()
    assert not found.seen.any()


@pytest.mark.parametrize(
    "arguments", [(1, 10, 9, 1), (1, 0, 9, 0), (-1, 0, 9, 1), (1 << 12, 0, 1 << 12, 1)]
)
def test_what_has_no_answer_is_refused(arguments: Any) -> None:
    with pytest.raises(ValueError, match="groups"):
        blank(*arguments)
