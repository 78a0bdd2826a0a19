"""Log likelihood ratios against their definitions, and the cap."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coalmine_aggregator.detect.likelihood import (
    P1S,
    WORTH,
    Likelihood,
    alternatives,
    cap,
    floored,
    kl,
    log_likelihood_ratio,
    ratio_of,
)
from coalmine_aggregator.detect.log_gamma import log_gamma


def log_chance(judged: int, bad: int, p: float, rho: float) -> float:
    """ln P(bad of judged), less the binomial coefficient, from the definition."""
    if rho == 0:
        return bad * math.log(p) + (judged - bad) * math.log1p(-p)
    a, b = p * (1 - rho) / rho, (1 - p) * (1 - rho) / rho
    terms = [math.log(a + i) for i in range(bad)]
    terms += [math.log(b + i) for i in range(judged - bad)]
    return math.fsum(terms) - math.fsum(math.log(a + b + i) for i in range(judged))


counts = st.integers(0, 9000).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n)))
dispersions = st.sampled_from([0.0, 1e-5, 0.001, 0.03, 0.5])


# Invariant: log_gamma is ln gamma, as the standard library computes it one by one.
@given(st.floats(1e-9, 1e9))
def test_log_gamma(x: float) -> None:
    truth = math.lgamma(x)
    assert abs(float(log_gamma(x)) - truth) <= 1e-13 * max(1.0, abs(truth))


def test_log_gamma_of_any_shape() -> None:
    x = np.array([[1e-6, 0.5, 1.0], [2.0, 7.999, 8.0]])
    truth = np.array([[math.lgamma(each) for each in row] for row in x])
    assert np.allclose(log_gamma(x), truth, rtol=1e-12, atol=1e-14)


# Invariant: the ratio is that of the two chances, computed term by term.
@given(counts, st.floats(1e-5, 0.3), st.floats(0.31, 0.999), dispersions)
def test_ratio(pair: tuple[int, int], p0: float, p1: float, rho: float) -> None:
    judged, bad = pair
    truth = log_chance(judged, bad, p1, rho) - log_chance(judged, bad, p0, rho)
    for found in (log_likelihood_ratio(judged, bad, p0, p1, rho), ratio_of(judged, bad, p0, p1, rho)):
        assert float(found) == pytest.approx(truth, rel=1e-7, abs=1e-6)


# Invariant: the tables of a service say what the ratio says, for counts inside and beyond them.
@given(st.lists(counts, max_size=8), st.floats(0, 0.5), dispersions)
def test_tables(pairs: list[tuple[int, int]], p0: float, rho: float) -> None:
    judged = np.array([n for n, _ in pairs], dtype=np.int32)
    bad = np.array([k for _, k in pairs], dtype=np.int32)
    ratios = Likelihood(p0, rho)
    found = ratios.of_bad(bad) + ratios.of_good(judged - bad)
    assert found.shape == (len(pairs), len(ratios.p1s))
    for column, p1 in enumerate(ratios.p1s):
        truth = log_likelihood_ratio(judged, bad, floored(p0), float(p1), rho)
        assert np.allclose(found[:, column], truth, rtol=1e-9, atol=1e-8)


def test_more_bad_ones_say_more_and_good_ones_never_speak_for_loss() -> None:
    ratios = Likelihood(0.001, 0.01)
    assert (np.diff(ratios.of_bad(np.arange(6000)), axis=0) > 0).all()
    assert (np.diff(ratios.of_good(np.arange(6000)), axis=0) < 0).all()


@pytest.mark.parametrize("p0", [0.0, 1e-9, 0.0001, 0.001, 0.01, 0.3, 0.5, 0.9, 0.985, 0.9999])
def test_something_worth_looking_for_is_left_for_every_acceptable_loss(p0: float) -> None:
    kept = alternatives(p0)
    assert kept
    assert all(p1 > floored(p0) and 0 <= index < len(P1S) for index, p1 in kept)
    if p0 < P1S[-1] / WORTH:
        assert [index for index, _ in kept] == [i for i, p1 in enumerate(P1S) if p1 >= WORTH * p0]


@pytest.mark.parametrize("p0", [-0.1, 1.0, 1.5, math.nan])
def test_an_impossible_acceptable_loss_is_refused(p0: float) -> None:
    with pytest.raises(ValueError, match="acceptable loss"):
        Likelihood(p0)


# Invariant: kl is the divergence of Bernoulli(a) from Bernoulli(q) above q, and 0 up to it.
@given(st.floats(0, 1), st.floats(0.05, 0.95))
def test_divergence(a: float, q: float) -> None:
    truth = 0.0
    if a > q:
        truth = a * math.log(a / q) + ((1 - a) * math.log((1 - a) / (1 - q)) if a < 1 else 0.0)
    assert float(kl(a, q)) == pytest.approx(truth, abs=1e-12)


def test_within_a_burst_a_slot_is_worth_c_and_beyond_it_counts_in_full() -> None:
    judged = np.array([0, 10, 10, 1000, 17])
    bad = np.array([0, 3, 4, 1000, 17])
    limit = cap(judged, bad, 0.3, 6)
    assert limit[:2].tolist() == [6.0, 6.0]
    assert limit[2] == pytest.approx(6 + 10 * (0.4 * math.log(4 / 3) + 0.6 * math.log(6 / 7)))
    assert limit[3] == pytest.approx(6 + 1000 * math.log(1 / 0.3))
    assert limit[4] == pytest.approx(26.47, abs=0.01)  # the first slot of a total loss of 17 series
