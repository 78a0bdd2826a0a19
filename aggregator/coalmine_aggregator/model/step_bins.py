"""Histograms of step times: quarter octaves from 16 us to a second, one bin below and one above. Pure.

So quantiles are good to a tenth.
"""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

FIRST_US: Final = 16.0
PER_OCTAVE: Final = 4
BINS: Final = 66
EDGES_US: Final = FIRST_US * 2.0 ** (np.arange(-1, BINS) / PER_OCTAVE)
"""float64[BINS + 1]: bin i lies between edges i and i + 1."""

MAX_US: Final = float(1 << 21)
"""Longer times count as this."""


def bins_of(times_us: NDArray[Any]) -> NDArray[np.int32]:
    """The bin of each time."""
    octaves = np.log2(np.clip(times_us, FIRST_US / 2, MAX_US)) - math.log2(FIRST_US)
    bins: NDArray[np.int32] = np.clip(np.floor(octaves * PER_OCTAVE) + 1, 0, BINS - 1).astype(np.int32)
    return bins


def quantile_us(counts: NDArray[Any], share: float) -> NDArray[np.float64]:
    """float64[n]: the quantile of each histogram of counts[n, BINS], in microseconds; what it is for an
    empty one means nothing."""
    sums = np.cumsum(counts, axis=1, dtype=np.float64)
    wanted = share * sums[:, -1]
    place = np.minimum((sums < wanted[:, np.newaxis]).sum(axis=1), BINS - 1)
    rows = np.arange(len(counts))
    before = sums[rows, place] - counts[rows, place]
    within = np.clip((wanted - before) / np.maximum(counts[rows, place], 1e-9), 0, 1)
    low, high = EDGES_US[place], EDGES_US[place + 1]
    quantile: NDArray[np.float64] = low * (high / low) ** within
    return quantile
