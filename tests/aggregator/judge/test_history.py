"""The history of cells: few exceptions or many, it adds up to what was put in."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from coalmine_aggregator.judge.history import KEPT, History

_slots = st.lists(
    st.tuples(
        st.integers(1, 40),  # cells known by then
        st.floats(0, 1),  # share of bad
        st.floats(0, 1),  # share of neither
        st.booleans(),  # the same expected object as before
    ),
    min_size=1,
    max_size=30,
)


@given(_slots, st.integers(0, 35), st.integers(0, 2**32 - 1))
def test_sums_are_those_of_dense_counting(
    slots: list[tuple[int, float, float, bool]], skip: int, seed: int
) -> None:
    """Judged = expected less neither, bad = bad, over the slots asked for, for any number of cells."""
    rng = np.random.default_rng(seed)
    history, width = History(), 0
    judged, bad = np.zeros(64, dtype=np.int32), np.zeros(64, dtype=np.int32)
    members = rng.random(64) < 0.5
    expected = np.ones(1, dtype=np.bool_)
    per_slot: list[tuple[int, int]] = []
    for slot, (cells, bad_share, neither_share, same) in enumerate(slots):
        width = max(width, cells)
        if not same or len(expected) != width:
            expected = rng.random(width) < 0.8
        is_bad = (rng.random(width) < bad_share) & expected
        is_neither = (rng.random(width) < neither_share) & expected & ~is_bad
        history.add(slot, expected, is_bad, is_neither)
        inside = members[:width]
        per_slot.append((int((expected & ~is_neither & inside).sum()), int((is_bad & inside).sum())))
        if slot >= skip:
            judged[:width] += expected & ~is_neither
            bad[:width] += is_bad
    sums = history.sums(skip, 64)
    assert sums.judged.tolist() == judged.tolist()
    assert sums.bad.tolist() == bad.tolist()
    numbers, judged_of, bad_of = history.of(members, KEPT)
    assert numbers.tolist() == list(range(len(slots)))
    assert list(zip(judged_of.tolist(), bad_of.tolist(), strict=True)) == per_slot


def test_it_is_bounded_and_revisable() -> None:
    history = History()
    everybody = np.ones(3, dtype=np.bool_)
    nobody = np.zeros(3, dtype=np.bool_)
    for slot in range(KEPT + 50):
        history.add(slot, everybody, nobody, nobody)
    history.revise(10, everybody, nobody)  # forgotten
    history.revise(KEPT, everybody, nobody)
    sums = history.sums(0, 3)
    assert (sums.first, sums.last) == (50, KEPT + 49)
    assert sums.bad.tolist() == [1, 1, 1]
    assert sums.judged.tolist() == [KEPT] * 3


def test_sums_that_were_asked_for_before_say_what_they_are_over() -> None:
    """They grow by what comes, and what is forgotten meanwhile stays in them."""
    history = History()
    everybody = np.ones(3, dtype=np.bool_)
    nobody = np.zeros(3, dtype=np.bool_)
    for slot in range(10, KEPT + 200):
        history.add(slot, everybody, nobody, nobody)
        if slot % 7 == 0:
            sums = history.sums(20, 3)
            length = sums.last - sums.first + 1
            assert sums.judged.tolist() == [max(0, length)] * 3
    history.revise(KEPT + 100, everybody, nobody)
    sums = history.sums(20, 3)
    assert (sums.first, sums.last) == (200, KEPT + 199)
    assert sums.judged.tolist() == [KEPT] * 3
    assert sums.bad.tolist() == [1] * 3
