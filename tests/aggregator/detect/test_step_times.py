"""Baselines of step times. Invariants: quantiles are those of what was learned, to a tenth; a leaf has
none before 300 attempts and 300 s; whatever is restored, no number is missing or infinite but where it
says so."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from coalmine_aggregator.detect.step_times import HALF_LIFE_S, MORE_US, STEPS, StepTimes
from coalmine_aggregator.model.scopes import Leaf

SLOT = 1_763_608_320
LEAVES = [Leaf("ingest", protocol, "", "external", "r", "z") for protocol in ("tcp", "udp")]


def made(leaves: int = 2) -> StepTimes:
    times = StepTimes()
    times.add(LEAVES[:leaves])
    return times


def teach(times: StepTimes, slot: int, totals: NDArray[Any], leaf: int = 0) -> None:
    """One lesson: all of the time is spent in `connect`."""
    steps = np.full((len(totals), STEPS), -1, dtype=np.int32)
    steps[:, 1] = totals
    numbers = np.full(len(totals), leaf, dtype=np.int32)
    times.learn(slot, numbers, totals.astype(np.float32), steps)


@pytest.mark.parametrize("median_us", [30, 900, 20_000, 300_000])
@pytest.mark.parametrize("spread", [0.05, 0.5, 1.0])
def test_quantiles_are_those_of_the_samples(median_us: float, spread: float) -> None:
    totals = np.random.default_rng(1).lognormal(np.log(median_us), spread, 20_000)
    totals = np.clip(totals, 16, 1_000_000)
    times = made()
    teach(times, SLOT, totals)
    teach(times, SLOT + 400, totals)
    times.refresh()
    p50, p95 = np.quantile(totals, (0.5, 0.95))
    assert times.quantiles_us(np.array([0]), 0.5, 0.95) == pytest.approx((p50, p95), rel=0.1)
    assert times.slow_from_us[0] == pytest.approx(max(2 * p95, p95 + MORE_US), rel=0.1)
    assert times.quantiles_us(np.array([1]), 0.5) == (0.0,)
    assert times.quantiles_us(np.array([0, 1]), 0.5) == times.quantiles_us(np.array([0]), 0.5)


@pytest.mark.parametrize(
    ("attempts", "seconds", "ready"), [(299, 400, False), (300, 299, False), (300, 300, True)]
)
def test_a_baseline_takes_300_attempts_and_300_seconds(
    attempts: int, seconds: int, ready: bool
) -> None:
    times = made()
    teach(times, SLOT, np.full(attempts - 1, 500))
    teach(times, SLOT + seconds, np.full(1, 500))
    times.refresh()
    assert list(times.ready) == [ready, False]
    assert np.isinf(times.slow_from_us[1])
    assert np.isfinite(times.slow_from_us[0]) == ready


def test_half_is_forgotten_in_a_day_of_learning() -> None:
    """Before it 1 ms, after it as many of 8 ms: where the two meet is at a third, no more at half."""
    times = made()
    teach(times, SLOT, np.full(50_000, 1_000))
    for slot in range(SLOT + 3_600, SLOT + 3_600 + HALF_LIFE_S, 3_600):
        teach(times, slot, np.full(1, 1_000))
    teach(times, SLOT + HALF_LIFE_S, np.full(50_000, 8_000))
    below, above = times.quantiles_us(np.array([0]), 0.32, 0.35)
    assert below < 1_500
    assert above > 6_000


def test_the_usual_time_of_a_step_is_its_median_and_follows_it() -> None:
    rng = np.random.default_rng(2)
    times = made()
    for median_us in (2_000, 6_000):
        for lesson in range(200):
            teach(times, SLOT + lesson, rng.lognormal(np.log(median_us), 1.0, 50))
        usual = times.usual_us(np.array([0, 1], dtype=np.int32))
        assert usual[0, 1] == pytest.approx(median_us, rel=0.15)
        assert not usual[0, [0, 2, 3, 4]].any()
        assert not usual[1].any()


def test_what_was_learned_outlives_a_restart() -> None:
    rng = np.random.default_rng(3)
    times = made()
    for slot in range(SLOT, SLOT + 400, 10):
        teach(times, slot, rng.lognormal(9, 0.4, 100), leaf=0)
        teach(times, slot, rng.lognormal(4, 0.4, 100), leaf=1)
    times.refresh()
    kept = json.loads(json.dumps(times.to_dict()))
    early = StepTimes()
    early.restore(kept)
    early.add(LEAVES[::-1])  # numbered otherwise
    late = made()
    late.restore(kept)
    for other, order in ((early, [1, 0]), (late, [0, 1])):
        assert other.ready.all()
        assert other.slow_from_us[order] == pytest.approx(times.slow_from_us, rel=0.01)
        numbers = np.array([0, 1], dtype=np.int32)
        usual = times.usual_us(numbers)
        assert other.usual_us(numbers)[order] == pytest.approx(usual, rel=0.02, abs=1)
        assert other.to_dict() == kept


def test_leaves_that_do_not_come_back_are_kept_for_the_next_start() -> None:
    times = made()
    teach(times, SLOT, np.full(500, 500))
    kept = times.to_dict()
    other = StepTimes()
    other.restore(kept)
    assert other.to_dict() == kept


# Anything that JSON can hold is taken up or dropped, and leaves no number that is not one.
_json = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
_numbers = st.lists(st.floats() | st.integers(-5, 10**18), max_size=70)


@settings(max_examples=200, deadline=None)
@given(
    _json
    | st.fixed_dictionaries(
        {"from": st.integers(-3, 70) | _json, "counts": _numbers | _json, "steps_us": _numbers | _json}
    )
    | st.fixed_dictionaries(
        {
            "from": st.integers(0, 60),
            "counts": st.lists(st.floats(-1, 1e300), min_size=1, max_size=6),
            "steps_us": st.lists(st.floats(-1, 1e300), min_size=5, max_size=5),
        }
    )
)
def test_what_is_not_sound_is_dropped(entry: Any) -> None:
    times = made()
    times.restore({"ingest/tcp//external/r/z": entry})
    assert not np.isnan(times.slow_from_us).any()
    assert np.isfinite(times.usual_us(np.array([0, 1], dtype=np.int32))).all()
    assert np.isfinite(times.quantiles_us(np.array([0]), 0.5, 0.95)).all()
    json.dumps(times.to_dict(), allow_nan=False)
