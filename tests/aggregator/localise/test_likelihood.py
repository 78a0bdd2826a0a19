"""The fit of the noisy-or model.

Invariants:
- Its likelihood is that of the model at its strengths; none near it or anywhere on a grid is higher.
- It never beats the bound, and the bound is the likelihood at each class's own loss.
- No counts make it fail or answer with anything but finite numbers.
"""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coalmine_aggregator.localise.likelihood import Base, Floats, base_of, bound, fit

BASE = Base(0.001, 0.002)


def plain(judged: Floats, bad: Floats, lost: tuple[float, ...], base: float) -> float:
    """The log likelihood, class by class, from the definition."""
    total = 0.0
    for number, (n, k) in enumerate(zip(judged, bad, strict=True)):
        passed = (1.0 - base) * math.prod(1.0 - q for j, q in enumerate(lost) if number >> j & 1)
        total += k * math.log(1.0 - passed) + ((n - k) * math.log(passed) if n > k else 0.0)
    return total


class_counts = st.integers(1, 3).flatmap(
    lambda m: st.lists(
        st.tuples(st.integers(0, 400), st.floats(0.0, 1.0)), min_size=2**m, max_size=2**m
    )
)


@settings(deadline=None, max_examples=60)
@given(class_counts)
def test_the_fit_is_the_maximum(drawn: list[tuple[int, float]]) -> None:
    judged = np.array([[float(n) for n, _ in drawn]])
    bad = np.array([[float(round(n * share)) for n, share in drawn]])
    found = fit(judged, bad, BASE)
    base = min(max(bad[0, 0] / judged[0, 0], BASE.least), BASE.most) if judged[0, 0] else BASE.least
    lost = tuple((-np.expm1(-found.strengths[0])).tolist())
    best = float(found.likelihoods[0])
    assert np.isfinite(found.strengths).all()
    assert best == pytest.approx(plain(judged[0], bad[0], lost, base), abs=1e-3, rel=1e-6)
    grid = (0.0, 0.003, 0.02, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99, 1.0 - 1e-9)
    rivals = itertools.product(grid, repeat=len(lost))
    assert best >= max(plain(judged[0], bad[0], rival, base) for rival in rivals) - 0.02
    for j, factor in itertools.product(range(len(lost)), (0.97, 1.03)):
        near = tuple(1.0 - (1.0 - q) ** factor if i == j else q for i, q in enumerate(lost))
        assert best >= plain(judged[0], bad[0], near, base) - 0.02
    assert best <= bound(judged, bad, BASE.least).sum() + 1e-6


def test_the_bound_is_the_likelihood_at_the_own_loss() -> None:
    judged, bad = np.array([10.0, 0.0, 5.0, 1000.0]), np.array([4.0, 0.0, 5.0, 0.0])
    own = [4 * math.log(0.4) + 6 * math.log(0.6), 0.0, 0.0, 1000 * math.log(0.999)]
    assert bound(judged, bad, 0.001) == pytest.approx(own, abs=1e-6)


def test_one_cause_beside_the_base() -> None:
    # 1 - (1 - q)(1 - base) = 0.3, where the base is what the rest shows: 0.0015
    found = fit(np.array([[2000.0, 100.0]]), np.array([[3.0, 30.0]]), BASE)
    assert -np.expm1(-found.strengths[0, 0]) == pytest.approx(1.0 - 0.7 / 0.9985)


def test_a_quiet_rest_does_not_lower_the_base_and_a_noisy_one_hardly_raises_it() -> None:
    assert base_of(0.001) == Base(0.001, 0.002)
    assert base_of(0.05).most == pytest.approx(0.051)
    assert base_of(0.0).least > 0.0
    assert base_of(1.0).most < 1.0
    quiet = fit(np.array([[1e6]]), np.array([[0.0]]), BASE).likelihoods[0]
    assert quiet == pytest.approx(1e6 * math.log(0.999))
    noisy = fit(np.array([[1000.0]]), np.array([[100.0]]), BASE).likelihoods[0]
    assert noisy == pytest.approx(100 * math.log(0.002) + 900 * math.log(0.998))


def by_bisection(judged: Floats, bad: Floats, causes: int) -> Floats:
    """The highest likelihood that is found by moving one strength at a time to where its slope is 0."""
    members = (np.arange(1 << causes)[:, None] >> np.arange(causes) & 1).astype(np.float64)
    base = np.clip(bad[:, 0] / np.maximum(judged[:, 0], 1e-9), BASE.least, BASE.most)
    strengths = np.full((len(judged), causes), 0.3)
    for _ in range(60):
        before = strengths.copy()
        for cause in range(causes):
            low, high = np.zeros(len(judged)), np.full(len(judged), 30.0)
            for _ in range(40):
                strengths[:, cause] = (low + high) / 2
                total = -np.log1p(-base)[:, None] + strengths @ members.T
                slope = (bad / np.expm1(total) - (judged - bad)) @ members[:, cause]
                low = np.where(slope > 0, strengths[:, cause], low)
                high = np.where(slope > 0, high, strengths[:, cause])
        if np.abs(strengths - before).max() < 1e-7:
            break
    total = -np.log1p(-base)[:, None] + strengths @ members.T
    return np.asarray((bad * np.log(-np.expm1(-total)) - (judged - bad) * total).sum(axis=1))


@pytest.mark.parametrize("causes", [1, 2, 3, 4])
@pytest.mark.parametrize("size", [3.0, 30.0, 3e3, 1e6])
def test_the_fit_reaches_what_a_slow_search_finds(causes: int, size: float) -> None:
    # Classes of any loss, many of them empty, dark or quite healthy: far from what the model can tell.
    rng = np.random.default_rng(causes)
    shape = 40, 1 << causes
    judged = np.floor(rng.random(shape) * size * (rng.random(shape) < 0.7))
    bad = np.floor(judged * np.clip(rng.random(shape) * 1.6 - 0.4, 0.0, 1.0))
    assert (fit(judged, bad, BASE).likelihoods >= by_bisection(judged, bad, causes) - 0.05).all()


def test_many_sets_are_fitted_as_each_alone() -> None:
    rng = np.random.default_rng(5)
    judged = rng.integers(0, 300, (40, 8)).astype(np.float64)
    bad = np.floor(judged * rng.random((40, 8)))
    together = fit(judged, bad, BASE).likelihoods
    alone = [fit(judged[i : i + 1], bad[i : i + 1], BASE).likelihoods[0] for i in range(40)]
    assert together == pytest.approx(alone, abs=0.02)
