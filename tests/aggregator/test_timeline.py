"""The timeline: smooth where the wall clock drifts, told where it is stepped."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from coalmine_aggregator.timeline import SLEW, STEP_S, Timeline


def test_it_is_the_wall_clock_while_that_is_steady() -> None:
    timeline = Timeline(1000.0, 50.0)
    assert timeline.read(1010.0, 60.0) == (1010.0, 0.0)


def test_a_step_is_told_once_and_followed() -> None:
    timeline = Timeline(1000.0, 50.0)
    now, stepped = timeline.read(1061.0, 51.0)
    assert (now, stepped) == (1061.0, 60.0)
    assert timeline.read(1062.0, 52.0) == (1062.0, 0.0)


def test_a_small_difference_is_followed_smoothly() -> None:
    timeline = Timeline(1000.0, 0.0)
    now, stepped = timeline.read(1001.4, 1.0)
    assert stepped == 0.0
    assert abs(now - (1001.0 + SLEW)) < 1e-9


# Invariant: whatever the wall clock does, the time of two readings without a step between them goes
# forward, at a rate between 1 - SLEW and 1 + SLEW; after a reading it is within STEP_S of the wall.
@given(st.lists(st.tuples(st.floats(0, 100), st.floats(-2, 2)), max_size=50))
def test_time_goes_forward_at_about_one_second_a_second(moves: list[tuple[float, float]]) -> None:
    monotonic, wall = 10.0, 1000.0
    timeline = Timeline(wall, monotonic)
    before = wall
    for elapsed, jump in moves:
        monotonic += elapsed
        wall += elapsed + jump
        now, stepped = timeline.read(wall, monotonic)
        if stepped == 0.0:
            assert elapsed * (1 - SLEW) - 1e-6 <= now - before <= elapsed * (1 + SLEW) + 1e-6
        assert abs(now - wall) <= STEP_S + 1e-6
        before = now
