"""Random streams: reproducible, independent, and of the shares that were asked for."""

from __future__ import annotations

import numpy as np
import pytest

from coalmine_aggregator.replay.draws import NoiseSource, fault_stream, stream
from coalmine_aggregator.replay.scenario import Bursts, Noise


def lost(noise: Noise, blocks: list[int], seed: int = 1, series: int = 100) -> np.ndarray:
    source = NoiseSource(noise, seed, series)
    rows, first = [], 0
    for count in blocks:
        row = source.lost(first, count)
        rows.append(np.zeros((count, series), dtype=np.bool_) if row is None else row)
        first += count
    return np.concatenate(rows)


def test_a_quiet_fleet_loses_nothing_and_draws_nothing() -> None:
    assert NoiseSource(Noise(), 1, 10).lost(0, 100) is None


# Invariant: what is lost depends on slot and seed alone, not on how slots are asked for.
def test_blocks_do_not_matter() -> None:
    noise = Noise(loss=0.05, dispersion=0.02, bursts=Bursts(every=7, seconds=2, loss=0.5))
    whole = lost(noise, [60])
    assert np.array_equal(whole, lost(noise, [1, 9, 20, 30]))
    assert not np.array_equal(whole, lost(noise, [60], seed=2))


# Invariant: bursts and dispersion change nothing in what the noise beside them loses.
def test_streams_do_not_touch_each_other() -> None:
    plain = lost(Noise(loss=0.05), [50])
    with_bursts = lost(Noise(loss=0.05, bursts=Bursts(every=10, loss=0.4)), [50])
    quiet = [slot for slot in range(50) if slot == 0 or slot % 10]
    assert np.array_equal(plain[quiet], with_bursts[quiet])
    assert (with_bursts >= plain).all()
    assert fault_stream(1, 0).random() != fault_stream(1, 1).random() != stream(1, 0).random()


def test_the_share_lost_is_what_was_asked_for() -> None:
    share = lost(Noise(loss=0.01), [2000]).mean()
    assert share == pytest.approx(0.01, abs=5 * (0.01 * 0.99 / 200_000) ** 0.5)


def test_dispersion_is_the_correlation_within_a_slot() -> None:
    """The variance of a beta-binomial count is n p (1 - p) (1 + (n - 1) rho)."""
    bad = lost(Noise(loss=0.1, dispersion=0.05), [6000]).sum(axis=1)
    assert bad.mean() == pytest.approx(10, rel=0.06)
    assert bad.var() == pytest.approx(100 * 0.1 * 0.9 * (1 + 99 * 0.05), rel=0.15)


def test_bursts_begin_at_every_and_last() -> None:
    rows = lost(Noise(bursts=Bursts(every=20, seconds=3, loss=1.0)), [70])
    assert [slot for slot in range(70) if rows[slot].any()] == [20, 21, 22, 40, 41, 42, 60, 61, 62]
    assert rows[[20, 42]].all()
    half = lost(Noise(bursts=Bursts(every=1, loss=0.3)), [500])[1:]
    assert half.mean() == pytest.approx(0.3, abs=0.01)
