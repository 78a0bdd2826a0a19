"""Mean run lengths against exact enumeration, simulation and published figures."""

from __future__ import annotations

import math

import numpy as np
import pytest

from coalmine_aggregator.detect.likelihood import cap, log_likelihood_ratio
from coalmine_aggregator.detect.run_lengths import chances, run_length, run_length_of
from coalmine_aggregator.detect.thresholds import SLOTS_PER_YEAR

P0, P1 = 0.001, 0.02


def enumerated(n: int, h: float, p: float) -> float:
    """The mean run length with no grid at all.

    Since it was last 0, the statistic is (bad datapoints) x rise - (slots) x fall: the chances of every
    count of bad ones are followed, slot by slot, until the round has ended.
    """
    rise = math.log(P1 * (1 - P0) / (P0 * (1 - P1)))
    fall = n * math.log((1 - P0) / (1 - P1))
    ways = {k: math.comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(min(n, 300) + 1)}
    ways = {k: way for k, way in ways.items() if way > 1e-16}
    rounds, slots, alarms, slot = {0: 1.0}, 0.0, 0.0, 0
    while (left := sum(rounds.values())) > 1e-10 * min(1.0, alarms):
        slots += left
        slot += 1
        after: dict[int, float] = {}
        for bad, chance in rounds.items():
            for more, way in ways.items():
                value = (bad + more) * rise - slot * fall
                if value >= h:
                    alarms += chance * way
                elif value > 0:
                    after[bad + more] = after.get(bad + more, 0.0) + chance * way
        rounds = after
    return slots / alarms


@pytest.mark.parametrize("p", [P0, P1, 0.1])
@pytest.mark.parametrize(("n", "h"), [(1, 3.5), (10, 14.33), (100, 16.5), (1000, 11.0)])
def test_equals_exact_enumeration(n: int, h: float, p: float) -> None:
    assert run_length(n, P0, P1, h, p) == pytest.approx(enumerated(n, h, p), rel=1e-5)


def lowest_threshold(n: int, slots: float) -> float:
    """The h at which noise alarms once in `slots`, by bisection, and what a coarse grid is off."""
    low, high = 3.0, math.log(slots) + 0.5
    for _ in range(16):
        middle = (low + high) / 2
        if run_length(n, P0, P1, middle, P0, cells=3000) < slots:
            low = middle
        else:
            high = middle
    return high + 0.02


# Figures computed elsewhere with another program: delay of 2 % loss, one false alarm a year.
@pytest.mark.parametrize(("n", "delay_s"), [(10, 36.3), (100, 4.67), (1000, 1.01)])
def test_delay_of_one_false_alarm_a_year(n: int, delay_s: float) -> None:
    h = lowest_threshold(n, SLOTS_PER_YEAR)
    assert run_length(n, P0, P1, h, P1) == pytest.approx(delay_s, rel=4e-3)


# The same, the false alarm shared by 1,000 patterns and the threshold ln of what that asks of each.
@pytest.mark.parametrize(("n", "delay_s"), [(10, 59), (100, 6.7), (1000, 1.1)])
def test_delay_of_one_false_alarm_a_year_over_a_thousand_patterns(n: int, delay_s: float) -> None:
    h = math.log(SLOTS_PER_YEAR * 1000)
    assert run_length(n, P0, P1, h, P1) == pytest.approx(delay_s, rel=0.025)
    assert run_length(n, P0, P1, h, P0, cells=3000) >= SLOTS_PER_YEAR * 1000


# Invariant (Lorden 1971): ln of the slots between false alarms is a threshold that is always safe, with
# a cap all the more, and with dispersion if both hypotheses have it.
@pytest.mark.parametrize("n", [1, 10, 100])
@pytest.mark.parametrize("rho", [0.0, 0.01, 0.05])
def test_the_logarithm_is_always_safe(n: int, rho: float) -> None:
    for p1 in (0.005, 0.1, 0.99):
        for burst in (None, (0.3, 6.0)):
            h = 9.0
            slots = run_length(n, P0, p1, h, P0, rho=rho, true_rho=rho, burst=burst, cells=2000)
            assert slots >= math.exp(h)


# Overdispersed noise breaks the binomial form: 20,000 false alarms a year instead of one.
def test_dispersed_noise_breaks_the_binomial_form() -> None:
    h = lowest_threshold(100, SLOTS_PER_YEAR)
    slots = run_length(100, P0, P1, h, P0, true_rho=0.01, cells=4000)
    assert SLOTS_PER_YEAR / slots == pytest.approx(20_000, rel=0.2)


def simulated(
    n: int, h: float, p: float, rho: float, runs: int
) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Run lengths of the capped statistic, drawn."""
    random = np.random.default_rng(11)
    counts = np.arange(n + 1)
    steps = np.minimum(
        log_likelihood_ratio(n, counts, P0, P1, rho), cap(np.full(n + 1, n), counts, 0.3, 6.0)
    )
    w, lengths = np.zeros(runs), np.zeros(runs, dtype=np.int64)
    running = np.ones(runs, dtype=np.bool_)
    whole = (1 - 0.01) / 0.01
    while running.any():
        loss = random.beta(p * whole, (1 - p) * whole, runs)
        w = np.maximum(0.0, w + steps[random.binomial(n, loss)])
        lengths += running
        running &= w < h
    return lengths


@pytest.mark.parametrize(("n", "h", "p"), [(10, 9.0, 0.006), (100, 15.0, P1), (40, 9.0, 0.006)])
def test_capped_and_dispersed_run_lengths_are_those_of_a_simulation(n: int, h: float, p: float) -> None:
    lengths = simulated(n, h, p, 0.002, 4_000)
    error = lengths.std() / math.sqrt(len(lengths))
    truth = run_length(n, P0, P1, h, p, rho=0.002, true_rho=0.01, burst=(0.3, 6.0), cells=4000)
    assert abs(lengths.mean() - truth) < 4 * error


@pytest.mark.parametrize("rho", [0.0, 0.001, 0.3])
def test_chances_have_the_mean_and_the_spread_that_they_stand_for(rho: float) -> None:
    n, p = 200, 0.03
    k, weights = np.arange(n + 1), chances(200, 0.03, rho)
    mean = float(k @ weights)
    assert weights.sum() == pytest.approx(1.0)
    assert mean == pytest.approx(n * p)
    assert float((k - mean) ** 2 @ weights) == pytest.approx(n * p * (1 - p) * (1 + (n - 1) * rho))


def test_certain_losses() -> None:
    assert chances(3, 0.0).tolist() == [1, 0, 0, 0]
    assert chances(3, 1.0).tolist() == [0, 0, 0, 1]
    assert run_length(5, P0, P1, 10.0, 0.0) == math.inf
    assert run_length(5, P0, P1, 29.0, 1.0) == 2.0
    assert run_length_of([1.0], [1.0], 3.0) == 3.0
