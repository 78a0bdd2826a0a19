"""Seconds that were read in any pieces, and revised in any order, fold to the states of a start that
reads them all at once."""

from __future__ import annotations

from random import Random

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from coalmine_aggregator.status.compose import Live
from coalmine_aggregator.status.site import ComponentStatus
from coalmine_aggregator.status.state import MEMORY_S, StateRules
from coalmine_aggregator.status_page.recent_seconds import KEPT, RecentSeconds

RULES = StateRules(window_s=5, worse_after_s=3, better_after_s=4)
IDS = ("a", "b")
BEGIN = 1_790_000_000

Table = NDArray[np.int64]


def whole(seen: NDArray[np.bool_], bad: Table) -> RecentSeconds:
    recent = RecentSeconds(IDS, RULES)
    put(recent, seen, bad, 0, len(seen) - 1)
    recent.fold_revised()
    return recent


def put(recent: RecentSeconds, seen: NDArray[np.bool_], bad: Table, first: int, last: int) -> None:
    place = np.flatnonzero(seen[first : last + 1]) + first
    judged = np.full((len(place), len(IDS)), 20, dtype=np.int64)
    recent.put(BEGIN + first, BEGIN + last, BEGIN + place.astype(np.int64), judged, bad[place])


@st.composite
def histories(draw: st.DrawFn) -> tuple[NDArray[np.bool_], Table, list[tuple[int, int]]]:
    """Which seconds were measured, what was lost in each, and the pieces that are read one after the
    other; the last ones together are all."""
    size = draw(st.integers(1, 60))
    seen = np.array(draw(st.lists(st.booleans(), min_size=size, max_size=size)))
    lost = st.lists(st.sampled_from([0, 0, 1, 5, 20]), min_size=2 * size, max_size=2 * size)
    bad = np.array(draw(lost), dtype=np.int64).reshape(size, 2)
    cuts = sorted(draw(st.sets(st.integers(1, size), max_size=4)) | {size})
    return seen, bad, list(zip([0, *cuts[:-1]], [cut - 1 for cut in cuts], strict=True))


@given(histories(), st.randoms(use_true_random=False))
def test_any_pieces_and_revisions_lead_to_the_same_states(
    history: tuple[NDArray[np.bool_], Table, list[tuple[int, int]]], random: Random
) -> None:
    seen, bad, pieces = history
    recent = RecentSeconds(IDS, RULES)
    early = np.roll(bad, 1, axis=0)  # what was known before late evidence came
    for first, last in pieces:
        put(recent, seen, early, first, last)
    for first, last in sorted(pieces, key=lambda _: random.random()):
        put(recent, seen, bad, first, last)
    recent.fold_revised()
    assert recent.states() == whole(seen, bad).states()
    assert recent.newest == whole(seen, bad).newest


def test_an_outage_turns_the_state_of_its_component_alone() -> None:
    seen = np.ones(20, dtype=np.bool_)
    bad = np.zeros((20, 2), dtype=np.int64)
    bad[10:, 1] = 20
    states = whole(seen, bad).states()
    assert states["a"] == Live(ComponentStatus.OPERATIONAL, None, BEGIN + 19)
    assert states["b"].status is ComponentStatus.MAJOR_OUTAGE


def test_what_no_fold_reaches_is_let_go_of() -> None:
    size = KEPT + 2_000
    seen = np.ones(size, dtype=np.bool_)
    bad = np.zeros((size, 2), dtype=np.int64)
    bad[-100:] = 20
    recent = RecentSeconds(IDS, StateRules())
    for first in range(0, size, 100):
        put(recent, seen, bad, first, first + 99)
    assert MEMORY_S <= recent.remembered <= KEPT + 1_000
    late = bad.copy()
    late[-50] = 19
    put(recent, seen, late, size - 100, size - 1)
    recent.fold_revised()
    begun = recent.states()["a"]
    assert begun.status is ComponentStatus.MAJOR_OUTAGE
    assert begun.since is not None
    assert BEGIN + size - 100 <= begun.since < BEGIN + size


def test_what_was_measured_and_judged_nothing_of_is_not_the_newest_that_was_judged() -> None:
    recent = RecentSeconds(IDS, RULES)
    slots = np.array([BEGIN, BEGIN + 1], dtype=np.int64)
    judged = np.array([[0, 3], [0, 0]], dtype=np.int64)
    recent.put(BEGIN, BEGIN + 1, slots, judged, np.zeros_like(judged))
    assert (recent.newest, recent.judged_at) == (BEGIN + 1, BEGIN)
    assert [each.judged_at for each in recent.states().values()] == [None, BEGIN]


def test_each_has_the_newest_second_of_which_anything_was_judged_as_a_start_would_find_it() -> None:
    size = KEPT + 500
    slots = BEGIN + np.arange(size, dtype=np.int64)
    judged = np.full((size, 2), 20, dtype=np.int64)
    judged[400:, 0] = 0
    recent = RecentSeconds(IDS, RULES)
    recent.put(BEGIN, BEGIN + 999, slots[:1_000], judged[:1_000], np.zeros((1_000, 2), np.int64))
    assert [each.judged_at for each in recent.states().values()] == [BEGIN + 399, BEGIN + 999]
    rest = slice(1_000, size)
    recent.put(
        BEGIN + 1_000,
        BEGIN + size - 1,
        slots[rest],
        judged[rest],
        np.zeros((size - 1_000, 2), np.int64),
    )
    assert [each.judged_at for each in recent.states().values()] == [None, BEGIN + size - 1]


def test_at_first_nothing_is_known() -> None:
    recent = RecentSeconds(IDS, RULES)
    assert (recent.newest, recent.judged_at, recent.remembered) == (None, None, 0)
    assert set(recent.states().values()) == {Live(ComponentStatus.OPERATIONAL)}
