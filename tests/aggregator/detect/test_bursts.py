"""Healthy bursts: a year of hourly ones, each in a pattern of its own, pages nobody."""

from __future__ import annotations

import numpy as np
import pytest

from coalmine_aggregator.detect.bank import Bank
from coalmine_aggregator.detect.likelihood import P1S, log_likelihood_ratio
from coalmine_aggregator.detect.noise import PRIOR, Noise
from coalmine_aggregator.detect.thresholds import threshold

P0 = 0.001
HOURS = 8766
"""Of a year."""


def pages(n: int, span: int, noise: Noise, loss: float = 0.3) -> int:
    """How many of a year's bursts page, at one false page a year for one pattern."""
    random = np.random.default_rng(3)
    bank, everything = Bank(P0, noise), np.arange(HOURS)
    judged = np.full(HOURS, n, dtype=np.int32)
    bank.resize(HOURS)
    bank.expect(judged)
    over = np.zeros(HOURS, dtype=np.bool_)
    for slot in range(60):
        chance = loss if 30 <= slot < 30 + span else 0.0002
        bank.settle(everything, judged, random.binomial(n, chance, HOURS).astype(np.int32))
        over[bank.over(threshold(1, 1.0))] = True
    return int(over.sum())


@pytest.mark.parametrize("n", [1, 10, 100, 1000])
def test_bursts_of_one_slot_page_nobody(n: int) -> None:
    assert pages(n, 1, PRIOR) == 0


@pytest.mark.parametrize("n", [100, 1000])
def test_without_a_cap_every_burst_would_page(n: int) -> None:
    typical = round(0.3 * n)
    assert max(float(log_likelihood_ratio(n, typical, P0, p1)) for p1 in P1S) > threshold(1, 1.0)


# Known to last two slots, they are worth as much together as one that lasts one.
@pytest.mark.parametrize("n", [10, 100, 1000])
def test_bursts_of_two_slots_page_nobody_once_that_is_known(n: int) -> None:
    assert pages(n, 2, Noise(burst_span=2)) == 0
    if n >= 100:
        assert 0 < pages(n, 2, PRIOR) < HOURS / 100


def test_larger_bursts_page_nobody_once_that_is_known() -> None:
    assert pages(100, 1, Noise(burst_loss=0.5), loss=0.5) == 0
    assert pages(1000, 1, PRIOR, loss=0.5) > HOURS / 2
