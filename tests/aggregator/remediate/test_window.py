"""Counts of the last slots, by vantage."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from coalmine_aggregator.remediate.window import Window


# Invariant: the sums are those of the slots of the window, however many are missing, and whatever was
# corrected while it was in it.
@given(
    st.lists(st.tuples(st.integers(1, 4), st.integers(0, 9), st.integers(0, 12)), max_size=30),
    st.integers(1, 12),
)
def test_sums_are_those_of_the_window(steps: list[tuple[int, int, int]], slots: int) -> None:
    window, known, now = Window(2, slots), dict[int, int](), 0
    for gap, count, back in steps:
        now += gap
        window.add(now, np.array([count, 1]), np.array([0, count]))
        known[now] = count
        late = now - back
        if now - slots < late <= now and late in known:
            window.add(late, np.array([2, 0]), np.array([0, -1]))
            known[late] += 2
        inside = [slot for slot in known if now - slots < slot <= now]
        judged, _bad = window.sums(now)
        assert judged.tolist() == [sum(known[slot] for slot in inside), len(inside)]


def test_what_is_too_old_is_left_alone() -> None:
    window = Window(1, 5)
    window.add(10, np.array([3]), np.array([1]))
    window.add(5, np.array([7]), np.array([7]))
    assert window.sums(10).tolist() == [[3], [1]]


def test_other_vantages_take_over_what_they_had() -> None:
    window = Window(2, 5)
    window.add(10, np.array([3, 4]), np.array([1, 2]))
    moved = window.moved(np.array([7, 8]), np.array([6, 8, 7]))
    assert moved.sums(10).tolist() == [[0, 4, 3], [0, 2, 1]]
    assert window.sums(10).tolist() == [[3, 4], [1, 2]]
