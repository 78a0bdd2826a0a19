"""A clock that was set is believed after a while."""

from __future__ import annotations

import math

from coalmine_agent.steady_clock import STEADY_S, SteadyClock

DAY = 86_400.0
T = 1_790_000_000.0


def test_a_clock_is_believed_after_a_while_and_slewed() -> None:
    clock = SteadyClock()
    assert clock.now(T, 100.0) == -math.inf
    assert clock.now(T + STEADY_S - 1, 99.0 + STEADY_S) == -math.inf
    assert clock.now(T + STEADY_S + 0.5, 100.0 + STEADY_S) == T + STEADY_S + 0.5


def test_a_clock_that_is_ahead_for_a_moment_is_not_followed_but_one_that_stays_is() -> None:
    clock = SteadyClock()
    clock.now(T, 0.0)
    assert clock.now(T + 1_000, 1_000.0) == T + 1_000
    assert clock.now(T + 1_001 + DAY, 1_001.0) == T + 1_001
    assert clock.now(T + 1_000 + STEADY_S + DAY, 1_000.0 + STEADY_S) == T + 1_000 + STEADY_S
    assert clock.now(T + 2_000, 2_000.0) == T + 2_000
    assert clock.now(T + 2_001 + DAY, 2_001.0) == T + 2_001
    assert clock.now(T + 2_001 + STEADY_S + DAY, 2_001 + STEADY_S) == T + 2_001 + STEADY_S + DAY
