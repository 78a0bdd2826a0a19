"""Closing: never while the loss lasts, soon after it ended."""

from __future__ import annotations

import math

import numpy as np
import pytest

from coalmine_aggregator.detect.closing import HEIGHT, LEAST_SLOTS, Closing, closing_step, still
from coalmine_aggregator.detect.likelihood import P1S, cap, log_likelihood_ratio
from coalmine_aggregator.detect.thresholds import threshold

P0 = 0.001
RHO = 0.0005
NOISE = 0.0002


def opened(random: np.random.Generator, n: int, loss: float) -> tuple[int, int]:
    """An outage until it is detected: judged and bad datapoints of it."""
    counts = np.arange(n + 1)
    limit = cap(np.full(n + 1, n), counts, 0.3, 6.0)
    steps = [np.minimum(log_likelihood_ratio(n, counts, P0, p1, RHO), limit).tolist() for p1 in P1S]
    w, slots, bad, h = [0.0] * len(P1S), 0, 0, threshold(1000, 1.0)
    drawn = random.binomial(n, loss, 20_000).tolist()
    while max(w) < h:
        k = drawn[slots]
        w = [max(0.0, each + step[k]) for each, step in zip(w, steps, strict=True)]
        slots += 1
        bad += k
    return slots * n, bad


# 1,000 outages of 2 to 100 % of 3 to 1,000 datapoints a slot: none is closed while it lasts (so long
# that 40 datapoints more are lost, more than it takes good ones to close it), and all are closed soon
# after it ended.
def test_a_thousand_outages() -> None:
    random = np.random.default_rng(5)
    slots_to_close: list[tuple[int, float]] = []
    for _ in range(1000):
        n = round(3 * (1000 / 3) ** random.random())
        loss = 0.02 * 50 ** random.random()
        judged, bad = opened(random, n, loss)
        state = Closing()
        for _ in range(max(10, round(40 / (n * loss)))):
            k = int(random.binomial(n, loss))
            judged, bad = judged + n, bad + k
            state = closing_step(state, n, k, P0, bad / judged, RHO)
            assert not state.closed, (n, loss)
        state, slots = Closing(), 0
        while not state.closed:
            state = closing_step(state, n, int(random.binomial(n, NOISE)), P0, bad / judged, RHO)
            slots += 1
        slots_to_close.append((slots, n * loss))
    for slots, lost_a_slot in slots_to_close:
        assert LEAST_SLOTS <= slots <= max(LEAST_SLOTS + 2, 60 / lost_a_slot + 2)
    ample = [slots for slots, lost_a_slot in slots_to_close if lost_a_slot >= 3]
    assert max(ample) <= 20


@pytest.mark.parametrize("p0", [0.0, 0.0001, 0.001, 0.3, 0.9, 0.99])
@pytest.mark.parametrize("loss", [0.0, 0.001, 0.0011, 0.01, 0.5, 1.0])
def test_what_would_still_be_loss_is_above_the_acceptable_and_below_the_shown(
    p0: float, loss: float
) -> None:
    assert max(p0, 1e-5) < still(p0, loss) < 1
    if loss > 1.6 * max(p0, 1e-5):
        assert still(p0, loss) < loss
    if loss > 4.1 * p0:
        assert still(p0, loss) == pytest.approx(
            max(loss / 2, math.sqrt(loss * max(p0, 1e-5))), rel=1e-3
        )


def test_a_loss_near_the_acceptable_one_still_closes() -> None:
    state, slots = Closing(), 0
    while not state.closed:
        state, slots = closing_step(state, 1000, 0, P0, 0.0015, RHO), slots + 1
    assert slots < 200


def test_relapses_begin_anew_and_nothing_judged_says_nothing() -> None:
    state = closing_step(Closing(), 100, 0, P0, 0.5)
    assert state.statistic == HEIGHT / LEAST_SLOTS
    assert closing_step(state, 0, 0, P0, 0.5) == state
    assert closing_step(state, 100, 60, P0, 0.5) == Closing()
    for _ in range(LEAST_SLOTS - 1):
        state = closing_step(state, 100, 0, P0, 0.5)
    assert state.closed
