"""The pace of a receiver.

Invariant: in any t seconds no more than burst + t * per_s turns come up, and nobody waits for less.
"""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from coalmine_aggregator.notify.pace import Pace

gaps = st.lists(st.sampled_from([0.0, 0.0, 0.1, 0.5, 1.0, 3.0, 100.0]), min_size=1, max_size=80)


@given(gaps, st.integers(1, 10), st.sampled_from([0.5, 1.0, 2.0, 8.0]))
def test_no_window_has_more_turns_than_it_may(asked: list[float], burst: int, per_s: float) -> None:
    pace = Pace(burst, per_s)
    turns = [now + pace.wait_s(now) for now in itertools.accumulate(asked)]
    assert turns == sorted(turns)
    for first, began in enumerate(turns):
        for last, ended in enumerate(turns[first:], first):
            assert last - first + 1 <= burst + (ended - began) * per_s + 1e-6


@given(gaps, st.integers(1, 10))
def test_nobody_waits_longer_than_until_there_is_a_turn(asked: list[float], burst: int) -> None:
    """A bucket, counted drop by drop in another way."""
    pace, now, level = Pace(burst, 1.0), 0.0, float(burst)
    for gap in asked:
        now += gap
        level = min(float(burst), level + gap)
        level -= 1
        assert abs(pace.wait_s(now) - max(0.0, -level)) < 1e-6
