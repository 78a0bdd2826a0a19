"""What a service's noise is taken for: quickly where it matters, robustly, never from an outage."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from coalmine_aggregator.detect.learning import FIRST_LAG, LAG, LEAST_RHO, Learned, Learner
from coalmine_aggregator.detect.likelihood import P1S
from coalmine_aggregator.detect.noise import PRIOR, PRIOR_Q, PRIOR_RHO, Noise
from coalmine_aggregator.detect.run_lengths import run_length
from coalmine_aggregator.detect.thresholds import SLOTS_PER_YEAR, threshold

P0 = 0.001
HOUR = 3600


def noise_of(
    n: int,
    loss: float,
    rho: float,
    slots: int,
    seed: int = 1,
    bursts: tuple[int, int, float] = (0, 0, 0.0),
) -> NDArray[np.int64]:
    """Bad datapoints of every slot: beta-binomial, with a burst every so many slots, so many long."""
    random = np.random.default_rng(seed)
    chance: float | NDArray[np.float64] = loss
    if rho:
        whole = (1 - rho) / rho
        chance = random.beta(loss * whole, (1 - loss) * whole, slots)
    bad = random.binomial(n, chance, slots)
    every, span, share = bursts
    for first in range(every, slots, every) if every else ():
        bad[first : first + span] += random.binomial(n - bad[first : first + span], share)
    return bad.astype(np.int64)


def taught(n: int, bad: NDArray[np.int64], learner: Learner | None = None) -> Learner:
    learner = learner or Learner(P0)
    for slot, k in enumerate(bad.tolist()):
        learner.learn(slot, n, k)
    return learner


def test_the_prior_holds_from_the_first_slot() -> None:
    assert Learner(P0).noise == PRIOR
    assert (PRIOR.q, PRIOR.c) == (0.3, 6.0)
    assert (Noise(burst_loss=0.5, burst_span=2).q, Noise(burst_span=2).c) == (0.5, 3.0)
    assert Noise(burst_loss=1.0).q < 1


@pytest.mark.parametrize("n", [10, 100, 1000])
@pytest.mark.parametrize("loss", [0.0002, 0.001])
def test_independent_loss_is_no_dispersion(n: int, loss: float) -> None:
    noise = taught(n, noise_of(n, loss, 0.0, 4 * HOUR)).noise
    assert noise.rho in (LEAST_RHO, PRIOR_RHO)
    assert noise.loss == pytest.approx(loss, rel=0.5)
    assert (noise.q, noise.c) == (0.3, 6.0)


# Within a quarter below and half above: what the false pages bear, see `run_lengths`.
@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize(
    ("n", "rho", "slots"),
    [
        (100, 0.01, 4 * HOUR),
        (100, 0.05, 2 * HOUR),
        (1000, 0.001, HOUR),
        (1000, 0.01, HOUR),
        (1000, 0.05, 3 * HOUR),
    ],
)
def test_dispersion_is_measured(n: int, rho: float, slots: int, seed: int) -> None:
    noise = taught(n, noise_of(n, P0, rho, slots, seed)).noise
    assert 0.75 * rho <= noise.rho <= 1.5 * rho


def false_pages_a_year(n: int, loss: float, rho: float, noise: Noise, patterns: int = 1000) -> float:
    """Exactly, at a budget of one."""
    h = threshold(patterns, 1.0)
    lengths = (
        run_length(n, P0, p1, h, loss, rho=noise.rho, true_rho=rho, burst=(noise.q, noise.c), cells=600)
        for p1 in P1S
    )
    return SLOTS_PER_YEAR * patterns * sum(1.0 / length for length in lengths)


# Invariant: noise whose worst slots look like bursts keeps the budget all the same. Each of these draws
# makes it page more than once a year if bursts are always reckoned with.
@pytest.mark.parametrize(("n", "seed"), [(100, 2), (100, 13), (1000, 54), (1000, 77), (1000, 113)])
def test_rare_noise_that_scatters_much_keeps_the_budget(n: int, seed: int) -> None:
    noise = taught(n, noise_of(n, 0.0002, 0.05, 8 * HOUR, seed)).noise
    assert false_pages_a_year(n, 0.0002, 0.05, noise) <= 1.0


# The room is small where the loss is p0: too large a rho pages as well as too small a one.
@pytest.mark.parametrize("rho", [0.01, 0.05])
def test_noise_at_the_acceptable_loss_keeps_the_budget(rho: float) -> None:
    noise = taught(1000, noise_of(1000, P0, rho, 8 * HOUR)).noise
    assert false_pages_a_year(1000, P0, rho, noise) <= 1.0
    much = noise._replace(rho=2 * noise.rho)
    assert false_pages_a_year(1000, P0, rho, much) > 1.0


def test_much_dispersion_is_known_within_two_minutes() -> None:
    noise = taught(1000, noise_of(1000, P0, 0.01, 120)).noise
    assert noise.rho > 0.005


@pytest.mark.parametrize("n", [10, 100, 1000])
@pytest.mark.parametrize("span", [1, 2])
def test_bursts_are_no_dispersion(n: int, span: int) -> None:
    noise = taught(n, noise_of(n, 0.0002, 0.0, 8 * HOUR, bursts=(HOUR, span, 0.3))).noise
    assert noise.rho in (LEAST_RHO, PRIOR_RHO)
    if n >= 100:
        assert noise.q == pytest.approx(0.35, abs=0.1)
        assert noise.burst_span == span


def test_the_size_of_bursts_is_measured() -> None:
    noise = taught(200, noise_of(200, 0.0002, 0.0, 12 * HOUR, bursts=(HOUR, 1, 0.5))).noise
    assert 0.5 <= noise.q <= 0.65


def test_two_freak_slots_change_nothing() -> None:
    bad = noise_of(100, 0.0002, 0.0, 3 * HOUR)
    bad[[HOUR, HOUR + 900]] = [100, 60]
    noise = taught(100, bad).noise
    assert (noise.rho, noise.q, noise.c) == (LEAST_RHO, PRIOR_Q, 6.0)


# Invariant: an outage never teaches, if slots stop when its alert opens and what waits is forgotten.
@pytest.mark.parametrize("share", [0.02, 0.3, 1.0])
def test_an_outage_teaches_nothing(share: float) -> None:
    random = np.random.default_rng(2)
    bad = noise_of(100, 0.0002, 0.0, 2 * HOUR)
    told, plain = taught(100, bad), taught(100, bad)
    for slot in range(2 * HOUR, 2 * HOUR + 60):  # not yet detected
        told.learn(slot, 100, int(random.binomial(100, share)))
    told.forget(2 * HOUR)
    for slot in range(3 * HOUR, 3 * HOUR + 600):
        told.learn(slot, 100, 0)
        plain.learn(slot, 100, 0)
    assert told.learned == plain.learned


def test_forgetting_everything_that_waits() -> None:
    learner = Learner(P0)
    for slot in range(FIRST_LAG):
        learner.learn(slot, 100, 50)
    learner.forget()
    for slot in range(LAG, 3 * LAG):
        learner.learn(slot, 100, 0)
    assert learner.noise.loss == 0.0
    assert 0 < learner.learned.slots <= 2 * LAG


def test_slots_with_nothing_judged_and_gaps_teach_nothing() -> None:
    learner = Learner(P0)
    for slot in range(0, 5 * LAG, 3):
        learner.learn(slot, 0, 0)
    assert learner.learned == Learned()


# Invariant: what is known survives being written as JSON, and the learner goes on as if never stopped.
def test_it_is_kept_over_restarts() -> None:
    before = taught(100, noise_of(100, P0, 0.02, 2 * HOUR, bursts=(600, 2, 0.5)))
    kept = Learned.from_dict(json.loads(json.dumps(before.learned.to_dict())))
    assert kept == before.learned
    after = Learner(P0, kept)
    assert after.noise.rho == pytest.approx(before.noise.rho, rel=0.2)
    assert (after.noise.q, after.noise.c) == (before.noise.q, before.noise.c)


def test_what_was_kept_without_knowing_of_burstless_noise_is_nothing_learned() -> None:
    kept = taught(100, noise_of(100, P0, 0.02, HOUR)).learned.to_dict()
    assert Learned.from_dict(kept) != Learned()
    del kept["burstless"]
    assert Learned.from_dict(kept) == Learned()


json_like = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


# Invariant: whatever was read back, the learner begins, at worst with the priors.
@given(json_like, st.sampled_from(Learned._fields))
def test_bad_memories_are_none(junk: object, field: str) -> None:
    assert Learned.from_dict(junk) == Learned()
    found = Learned.from_dict({**Learned().to_dict(), field: junk})
    noise = Learner(P0, found).noise
    assert all(math.isfinite(value) for value in (*noise, noise.q, noise.c))


# Invariant: whatever is counted, the noise is finite, and within what its numbers can be.
@given(
    st.lists(
        st.integers(0, 2_000_000).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n))),
        max_size=40,
    ),
    st.sampled_from([0.0, 0.001, 0.5, 0.99]),
)
def test_any_counts(counts: list[tuple[int, int]], p0: float) -> None:
    learner = Learner(p0)
    for slot, (judged, bad) in enumerate(counts * 3):
        learner.learn(slot * (LAG // 4), judged, bad)
    noise = learner.noise
    assert LEAST_RHO <= noise.rho < 0.3
    assert 0 <= noise.loss <= 1
    assert 0.3 <= noise.q < 1
    assert 0 < noise.c <= 6
    assert Learned.from_dict(learner.learned.to_dict()) == learner.learned
