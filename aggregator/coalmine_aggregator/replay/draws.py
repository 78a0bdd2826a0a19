"""Random streams: one for each kind of noise and each fault, so that none changes another. Pure."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from coalmine_aggregator.replay.scenario import Bursts, Noise

_NOISE, _NOISE_SHARE, _BURST, _BURST_SHARE, _FAULT = range(5)

Shares = NDArray[np.float64]


def stream(seed: int, kind: int, number: int = 0) -> np.random.Generator:
    """The stream of a kind and number; the same for the same seed on every machine."""
    sequence = np.random.SeedSequence(entropy=seed, spawn_key=(kind, number))
    return np.random.Generator(np.random.PCG64(sequence))


def fault_stream(seed: int, number: int) -> np.random.Generator:
    """The stream of the fault of that number."""
    return stream(seed, _FAULT, number)


class NoiseSource:
    """What a healthy fleet loses, block by block in the order of slots."""

    def __init__(self, noise: Noise, seed: int, series: int) -> None:
        self._noise = noise
        self._series = series
        self._each = stream(seed, _NOISE)
        self._share = stream(seed, _NOISE_SHARE)
        self._burst_each = stream(seed, _BURST)
        self._burst_share = stream(seed, _BURST_SHARE)

    def lost(self, first: int, count: int) -> NDArray[np.bool_] | None:
        """bool[count, series]: what is lost in the slots from `first` on; None where nothing is."""
        noise = self._noise
        lost = None
        if noise.loss > 0:
            shares = _shares(self._share, noise.loss, noise.dispersion, count)
            lost = self._each.random((count, self._series), dtype=np.float32) < shares[:, None]
        rows = [] if noise.bursts is None else _burst_rows(noise.bursts, first, count)
        if noise.bursts is not None and rows:
            shares = _shares(self._burst_share, noise.bursts.loss, noise.bursts.dispersion, len(rows))
            drawn = self._burst_each.random((len(rows), self._series), dtype=np.float32)
            if lost is None:
                lost = np.zeros((count, self._series), dtype=np.bool_)
            lost[rows] |= drawn < shares[:, None]
        return lost


def _burst_rows(bursts: Bursts, first: int, count: int) -> list[int]:
    return [
        row
        for row in range(count)
        if first + row >= bursts.every and (first + row) % bursts.every < bursts.seconds
    ]


def _shares(rng: np.random.Generator, mean: float, rho: float, count: int) -> Shares:
    """float64[count]: the loss of each slot, of that mean; beta-distributed where rho is above 0."""
    if rho <= 0 or not 0 < mean < 1:
        return np.full(count, mean)
    size = (1 - rho) / rho
    return rng.beta(mean * size, (1 - mean) * size, count)
