"""The state of a component never changes faster than told, gets where it belongs, and forgets."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coalmine_aggregator.status.site import ComponentStatus
from coalmine_aggregator.status.state import (
    FORGET_S,
    LEAST_BAD,
    LEVELS,
    MEMORY_S,
    StateFold,
    StateRules,
)

RULES = StateRules()
SHORT = StateRules(window_s=5, worse_after_s=4, better_after_s=9)
ORDER = [ComponentStatus.OPERATIONAL, *LEVELS]

# Stretches of seconds of one loss in hundredths of 100 datapoints; None where nothing is known.
STRETCHES = st.lists(
    st.tuples(st.integers(1, 40), st.sampled_from([None, 0, 0, 1, 3, 9, 12, 40, 60, 100])),
    min_size=1,
    max_size=30,
)


def spread(stretches: list[tuple[int, int | None]]) -> list[int | None]:
    return [bad for seconds, bad in stretches for _ in range(seconds)]


def levels(fold: StateFold, losses: Sequence[int | None], first: int = 0) -> list[int]:
    """The level after each second of which something is known."""
    found = []
    for second, bad in enumerate(losses, first):
        fold.step(second, 100, bad or 0, known=bad is not None)
        if bad is not None:
            found.append(ORDER.index(fold.status))
    return found


def reached(losses: list[int | None], rules: StateRules) -> list[int]:
    """The level that the window reaches at each known second."""
    known = [bad for bad in losses if bad is not None]
    found = []
    for end in range(1, len(known) + 1):
        window = known[max(0, end - rules.window_s) : end]
        bad = sum(window)
        found.append(rules.level(100 * len(window), bad) if bad >= LEAST_BAD else 0)
    return found


@given(STRETCHES)
def test_it_gets_worse_only_after_it_was_so_long_enough(
    stretches: list[tuple[int, int | None]],
) -> None:
    losses = spread(stretches)
    raw, states = reached(losses, SHORT), levels(StateFold(SHORT), losses)
    for at, (before, after) in enumerate(pairwise([0, *states])):
        if after > before:
            assert at + 1 >= SHORT.worse_after_s
            assert min(raw[at + 1 - SHORT.worse_after_s : at + 1]) >= after


@given(STRETCHES)
def test_it_gets_better_only_after_it_was_so_long_enough(
    stretches: list[tuple[int, int | None]],
) -> None:
    losses = spread(stretches)
    raw, states = reached(losses, SHORT), levels(StateFold(SHORT), losses)
    for at, (before, after) in enumerate(pairwise([0, *states])):
        if after < before:
            assert max(raw[at + 1 - SHORT.better_after_s : at + 1]) <= after


@given(STRETCHES, st.sampled_from([0, 1, 3, 12, 60, 100]))
def test_what_stays_so_is_told_so(stretches: list[tuple[int, int | None]], bad: int) -> None:
    fold = StateFold(RULES)
    losses = spread(stretches)
    levels(fold, losses)
    settled = RULES.window_s + max(RULES.worse_after_s, RULES.better_after_s)
    levels(fold, [bad] * settled, len(losses))
    assert fold.status is RULES.status(100, bad)


@given(STRETCHES, st.integers(1, 10_000))
def test_a_gap_of_knowledge_holds_the_state(stretches: list[tuple[int, int | None]], gap: int) -> None:
    losses = spread(stretches)
    with_gap, without = StateFold(SHORT), StateFold(SHORT)
    levels(with_gap, losses)
    levels(without, losses)
    held = with_gap.status
    with_gap.step(len(losses) + gap, 0, 0)
    assert with_gap.status is held
    after = spread(stretches)
    assert levels(with_gap, after, 20_000) == levels(without, after, 20_000)


@given(st.lists(STRETCHES, min_size=1, max_size=20), STRETCHES)
@settings(max_examples=30, deadline=None)
def test_one_that_begins_an_hour_back_comes_to_the_same(
    older: list[list[tuple[int, int | None]]], newer: list[tuple[int, int | None]]
) -> None:
    before = [bad for stretches in older for bad in spread(stretches)]
    # Loss that comes and goes faster than any state may follow, for an hour: the hardest to forget.
    hour = (spread(newer) + [100, 0, 0, 100, 0, 0, 0] * 100) * 40
    known = [bad for bad in hour if bad is not None][-MEMORY_S:]
    assert len(known) == MEMORY_S
    long, short = StateFold(SHORT), StateFold(SHORT)
    levels(long, [*before, *known])
    levels(short, known)
    assert long.status is short.status


def test_what_flickers_for_half_an_hour_is_not_told_any_more() -> None:
    rules = StateRules(window_s=1, worse_after_s=10, better_after_s=120)
    fold = StateFold(rules)
    levels(fold, [100] * 10)
    flicker = [100, 0, 0, 0] * (FORGET_S // 4 + 1)
    found = levels(fold, flicker, 10)
    assert found[FORGET_S - 2] == 3
    assert found[FORGET_S] == 0


@pytest.mark.parametrize(
    ("bad", "after"),
    [(100, {1: 10, 2: 15, 3: 39}), (20, {1: 12, 2: 39}), (2, {1: 39}), (0, {})],
)
def test_how_long_it_takes_after_quiet(bad: int, after: dict[int, int]) -> None:
    fold = StateFold(RULES)
    levels(fold, [0] * 300)
    found = levels(fold, [bad] * 300, 300)
    assert {level: found.index(level) + 1 for level in (1, 2, 3) if level in found} == after


def test_a_few_lost_of_few_are_noise() -> None:
    fold = StateFold(RULES)
    for second in range(600):
        fold.step(second, 1, int(second % 15 == 0))  # 4 of 60, which is more than 6 %
    assert fold.status is ComponentStatus.OPERATIONAL


def test_it_says_since_when_and_takes_no_second_twice() -> None:
    fold = StateFold(SHORT)
    assert (fold.since, fold.second) == (None, None)
    levels(fold, [0] * 10 + [100] * 10, 1_000)
    assert fold.status is ComponentStatus.MAJOR_OUTAGE
    assert fold.since == 1_015
    with pytest.raises(ValueError, match="second 1019 does not come after 1019"):
        fold.step(1_019, 1, 0)
