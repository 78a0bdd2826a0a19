"""The statistics of vantages: what makes one bad, doubtful and good again."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coalmine_aggregator.ledger.series import AllSeries
from coalmine_aggregator.remediate.vantage_detector import (
    BAD,
    DOUBTFUL,
    GOOD,
    NONE,
    VantageDetector,
)
from coalmine_aggregator.remediate.vantages import Vantages, vantages_of
from coalmine_wire.protocols import Protocol
from tests.aggregator.remediate.watched import SIX, series_of


def one(protocols: tuple[Protocol, ...] = SIX) -> Vantages:
    """A single vantage of a single node."""
    series = AllSeries()
    made = [each for each in series_of(["n1"], [], protocols) if each.node]
    return vantages_of(series, np.array([series.add(each, control=False) for each in made]))


class Story:
    """One vantage whose slots are told by how many of its series are bad in each."""

    def __init__(
        self, series: int = 6, *, acceptable_loss: float = 0.001, stale_s: float = 10.0
    ) -> None:
        self.count = series
        self.detector = VantageDetector(one(SIX[:series]), acceptable_loss, stale_s)
        self.slot = 0

    def see(self, *bad: int, judged: int | None = None) -> int:
        """The opinion after these slots, in each of which so many series are bad, the first ones."""
        places = np.arange(self.count)
        for many in bad:
            self.slot += 1
            seen = places < (self.count if judged is None else judged)
            self.detector.step(self.slot, seen, seen & (places < many))
        return int(self.detector.opinions(self.slot)[0])

    def until(self, opinion: int, bad: int = 0, most: int = 1000) -> int:
        """After how many slots like this it is held."""
        for passed in range(1, most + 1):
            if self.see(bad) == opinion:
                return passed
        raise AssertionError(f"not within {most} slots")


@pytest.mark.parametrize("series", [1, 2, 6])
@pytest.mark.parametrize("acceptable_loss", [0.0, 0.0001, 0.001, 0.005])
def test_three_bad_slots_make_it_bad_and_two_never_do(series: int, acceptable_loss: float) -> None:
    story = Story(series, acceptable_loss=acceptable_loss)
    assert story.see(*[0] * 30) == GOOD
    assert story.see(series) == GOOD
    assert story.see(series) == DOUBTFUL
    assert story.see(series) == BAD


@pytest.mark.parametrize(("acceptable_loss", "slots"), [(0.01, 4), (0.03, 5), (0.05, 6)])
def test_who_accepts_much_takes_longer_to_be_sure_of_one_series(
    acceptable_loss: float, slots: int
) -> None:
    assert Story(1, acceptable_loss=acceptable_loss).until(BAD, bad=1) == slots


@pytest.mark.parametrize("acceptable_loss", [0.1, 0.3, 0.7, 0.95])
def test_even_who_accepts_nearly_everything_sees_total_loss(acceptable_loss: float) -> None:
    story = Story(6, acceptable_loss=acceptable_loss)
    assert story.see(*[0] * 10) == GOOD
    assert story.until(BAD, bad=6) < 200
    assert story.until(GOOD) < 1000


def test_single_lost_datapoints_are_no_doubt() -> None:
    story = Story()
    for _ in range(20):
        assert story.see(1) == GOOD
        assert story.see(*[0] * 20) == GOOD


def test_doubt_passes() -> None:
    story = Story()
    assert story.see(6, 6) == DOUBTFUL
    assert story.until(GOOD) <= 5
    assert story.detector.clean.tolist() == [story.slot]


def test_a_tenth_of_six_series_is_seen_within_half_a_minute() -> None:
    story = Story()
    rng = np.random.default_rng(1)
    for _ in range(20):
        fresh = Story()
        slots = next(
            slot
            for slot in range(1, 200)
            if fresh.see(int(np.count_nonzero(rng.random(6) < 0.1))) == BAD
        )
        assert slots < 60
    assert story.see(*[0] * 100) == GOOD


def test_half_a_percent_is_no_reason_to_hold_a_node_bad() -> None:
    rng = np.random.default_rng(2)
    story = Story()
    assert all(story.see(int(np.count_nonzero(rng.random(6) < 0.005))) != BAD for _ in range(5000))


@pytest.mark.parametrize(("series", "slots"), [(6, 5), (3, 7), (2, 10), (1, 20)])
def test_who_recovers_proves_it_the_sooner_the_more_of_it_had_failed(series: int, slots: int) -> None:
    story = Story()
    assert story.see(*[series] * 30) == BAD
    ended = story.slot
    assert story.until(GOOD) == slots
    assert story.detector.clean.tolist() == [ended + 1]


def test_a_bad_slot_sets_a_recovery_back_and_two_begin_it_anew() -> None:
    story = Story(1)
    story.see(*[1] * 30)
    assert story.see(*[0] * 19) == BAD
    assert story.see(1) == BAD
    assert story.see(*[0] * 9) == BAD
    assert story.see(1, 1, 1) == BAD
    last = story.slot
    assert 20 < story.until(GOOD) < 60  # it has stuttered: it has more to prove
    assert story.detector.clean.tolist() == [last + 1]


def test_what_comes_back_only_in_part_stays_bad() -> None:
    story = Story()
    story.see(*[6] * 10)
    assert all(story.see(1) == BAD for _ in range(120))


def test_another_series_that_fails_has_to_recover_too() -> None:
    story = Story()
    story.see(*[1] * 20)
    assert story.detector.failing(story.slot, 10).tolist() == [True, *[False] * 5]
    story.see(*[2] * 5)
    assert story.detector.failing(story.slot, 10).tolist() == [True, True, *[False] * 4]
    assert story.until(GOOD) == 10


def test_a_series_that_has_fallen_silent_no_longer_keeps_its_vantage_bad() -> None:
    story = Story()
    places = np.arange(6)
    for _ in range(20):
        story.slot += 1
        story.detector.step(story.slot, places >= 0, places == 5)
    for _ in range(10):
        story.see(0, judged=5)
    assert story.see(judged=5) == BAD
    for _ in range(60):
        if story.see(0, judged=5) == GOOD:
            return
    raise AssertionError("still bad by what nobody says any more")


def test_opinions_end_when_they_are_stale_and_begin_anew() -> None:
    story = Story(stale_s=5.0)
    story.see(*[6] * 10)
    assert story.detector.opinions(story.slot + 5).tolist() == [BAD]
    assert story.detector.opinions(story.slot + 6).tolist() == [NONE]
    story.slot += 6
    assert story.see(0) == GOOD
    assert story.detector.clean.tolist() == [story.slot]


def test_what_moves_to_another_set_of_series_is_as_it_was() -> None:
    story = Story(3)
    story.see(*[1] * 10)
    moved = story.detector.moved(one(SIX))
    assert moved.opinions(story.slot).tolist() == [BAD]
    # The three that came say nothing yet; by name, `tcp`, `tls` and `udp` stand where they stand.
    assert int(np.count_nonzero(moved.failing(story.slot, 10))) == 1
    back = moved.moved(one(SIX[:3]))
    assert back.opinions(story.slot).tolist() == [BAD]


def test_an_acceptable_loss_is_a_fraction() -> None:
    with pytest.raises(ValueError, match="acceptable loss"):
        Story(acceptable_loss=1.0)


# Invariant: no opinion depends on anything before the vantage was last silent for longer than evidence
# stays fresh.
@settings(max_examples=60)
@given(
    st.lists(st.integers(0, 6), max_size=40),
    st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=30),
)
def test_silence_forgets(before: list[int], after: list[tuple[int, int]]) -> None:
    had, fresh = Story(), Story()
    had.see(*before)
    fresh.slot = had.slot
    for story in (had, fresh):
        story.slot += 11
    for bad, judged in after:
        assert had.see(bad, judged=judged) == fresh.see(bad, judged=judged)


# Invariant: two bad slots in a row, alone among good ones, never make a vantage bad, whatever its size.
@settings(max_examples=60)
@given(st.integers(1, 6), st.lists(st.integers(40, 80), min_size=1, max_size=6), st.integers(1, 2))
def test_short_bursts_never_make_it_bad(series: int, gaps: list[int], span: int) -> None:
    story = Story(series)
    for gap in gaps:
        assert story.see(*[0] * gap) == GOOD
        assert story.see(*[series] * span) != BAD
