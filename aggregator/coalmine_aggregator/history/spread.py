"""Rows of different lengths, laid out one after the other. Pure."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def places(begins: NDArray[np.int64], counts: NDArray[np.int64], step: int = 1) -> NDArray[np.int64]:
    """begin, begin + step, begin + 2 step, ...: for each begin as many as its count."""
    spread: NDArray[np.int64] = np.repeat(begins - step * (np.cumsum(counts) - counts), counts)
    spread += step * np.arange(len(spread))
    return spread


def sums(values: NDArray[Any], counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """int64[rows]: the sum of each row's values, of which it has as many as its count."""
    reached = np.concatenate(([0], np.cumsum(values, dtype=np.int64)))
    ends = np.cumsum(counts)
    total: NDArray[np.int64] = reached[ends] - reached[ends - counts]
    return total


def longs(words: NDArray[np.uint16], places: NDArray[np.int64]) -> NDArray[np.int64]:
    """int64[n]: the numbers of two words each at these places, the lower word first."""
    long: NDArray[np.int64] = words[places].astype(np.int64) | words[places + 1].astype(np.int64) << 16
    return long
