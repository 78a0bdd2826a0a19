"""Clocks that are off: which slots an agent takes part in, beside the agents' own schedule."""

from __future__ import annotations

import numpy as np
import pytest

from coalmine_agent.schedule import Clocks as Readings
from coalmine_agent.schedule import Schedule, Timetable
from coalmine_aggregator.replay.skew import Clocks


def simulated(skew_s: dict[int, float], seconds: int) -> tuple[list[int], list[int]]:
    """The slots that one agent took part in, and those that it told as missed."""
    clocks, taken, missed = Clocks(), [], []
    silent = np.zeros(1, dtype=np.bool_)
    for second in range(seconds):
        turn = clocks.turn(second, np.array([skew_s.get(second, 0.0)]), silent)
        missed += list(turn.missed.get(0, ()))
        if 0 not in turn.held:
            whole, rest_s = turn.shifts.get(0, (0, 0.0))
            assert 0 <= rest_s < 1
            taken.append(second + whole)
    return taken, missed


def real(skew_s: dict[int, float], seconds: int) -> tuple[list[int], list[int]]:
    """The same of the agents' schedule, whose clock is set at the beginning of a second."""
    schedule = Schedule(Timetable.of(1, [500]), Readings(-1.0, -1.0, -1.0))
    taken, missed = [], []
    for step in range(20 * seconds):
        now = step / 20
        step_s = schedule.step(Readings(now, now + skew_s.get(int(now), 0.0), now))
        taken += [start.slot for start in step_s.starts]
        for whole in step_s.missed_slots:
            missed += list(range(whole.first, whole.last + 1))
        missed += [each.slot for each in step_s.missed]
    return taken, missed


@pytest.mark.parametrize("ahead_s", [1, 3, 30, -1, -4, -30])
def test_whole_seconds_as_the_schedule_has_it(ahead_s: int) -> None:
    skew_s = {second: float(ahead_s) for second in range(50, 100)}
    assert simulated(skew_s, 160) == real(skew_s, 160)


@pytest.mark.parametrize("ahead_s", [0.2, 0.4])
def test_parts_of_a_second_lose_no_slot(ahead_s: float) -> None:
    skew_s = dict.fromkeys(range(50, 100), ahead_s)
    assert simulated(skew_s, 160) == real(skew_s, 160) == (list(range(160)), [])


def test_a_clock_that_is_right_again_is_forgotten() -> None:
    clocks = Clocks()
    silent = np.zeros(2, dtype=np.bool_)
    clocks.turn(0, np.array([3.0, 0.0]), silent)
    assert clocks.apart
    for second in range(1, 5):
        clocks.turn(second, None, silent)
    assert not clocks.apart
