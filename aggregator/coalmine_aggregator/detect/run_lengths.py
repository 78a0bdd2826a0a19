"""How long a CUSUM runs until it alarms: on noise, and under loss. Pure.

The Markov-chain method (Brook and Evans 1972, Biometrika 59, 539): the statistic moves on a grid, and
from 0 it takes on average the sum of what it stays anywhere before it alarms. Because it starts anew
whenever it falls to 0, that is the mean length of one round, from 0 back to 0 or to the alarm, divided
by the chance that a round ends in the alarm: no equations need be solved, and a fine grid costs little.

The grid is laid so that a slot in which nothing is bad moves the statistic by whole cells; other steps
are rounded to the nearest cell. With the default grid, results equal those of exact enumeration to six
digits, unless the threshold is within a cell of a value that the statistic can take.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from coalmine_aggregator.detect.likelihood import cap, log_likelihood_ratio
from coalmine_aggregator.detect.log_gamma import log_gamma

CELLS: Final = 20_000
"""How finely the statistic is cut between 0 and its threshold, about."""

_NEGLIGIBLE: Final = 1e-30
_ENDED: Final = 1e-9
_MOST_SLOTS: Final = 2_000_000


def run_length(
    n: int,
    p0: float,
    p1: float,
    h: float,
    p: float,
    *,
    rho: float = 0.0,
    true_rho: float = 0.0,
    burst: tuple[float, float] | None = None,
    cells: int = CELLS,
) -> float:
    """The mean number of slots, from a statistic of 0, until it reaches `h` nats.

    Every slot has `n` datapoints, of which each is bad with the chance `p` and correlation `true_rho`;
    the statistic looks for p1 against p0 with the dispersion `rho`. `burst` is (q, c) of the cap, None
    for none. Infinite where the alarm cannot come. Raises ArithmeticError if rounds take millions of
    slots, which are those of a statistic that hardly drifts.
    """
    counts = np.arange(n + 1)
    steps = log_likelihood_ratio(n, counts, p0, p1, rho)
    if burst is not None:
        steps = np.minimum(steps, cap(np.full(n + 1, n), counts, *burst))
    return run_length_of(steps, chances(n, p, true_rho), h, cells=cells)


def chances(n: int, p: float, rho: float = 0.0) -> NDArray[np.float64]:
    """The chances of 0 to n bad of n datapoints: binomial, or beta-binomial; float64[n + 1], sum 1."""
    if not 0 < p < 1:
        certain = np.zeros(n + 1)
        certain[n if p >= 1 else 0] = 1.0
        return certain
    k = np.arange(n + 1, dtype=np.float64)
    ways = log_gamma(n + 1.0) - log_gamma(k + 1.0) - log_gamma(n - k + 1.0)
    if rho <= 0:
        logs = k * math.log(p) + (n - k) * math.log1p(-p)
    else:
        a, b = p * (1 - rho) / rho, (1 - p) * (1 - rho) / rho
        logs = log_gamma(a + k) - log_gamma(a) + log_gamma(b + n - k) - log_gamma(b)
        logs += log_gamma(a + b) - log_gamma(a + b + n)
    weights = np.exp(ways + logs)
    return np.asarray(weights / weights.sum(), dtype=np.float64)


def run_length_of(steps: ArrayLike, weights: ArrayLike, h: float, *, cells: int = CELLS) -> float:
    """The mean number of slots until the sum of independent steps, kept at 0 or above, reaches `h`.

    float64[m] steps in nats, with their chances. Infinite where no step rises.
    """
    step, weight = np.asarray(steps, dtype=np.float64), np.asarray(weights, dtype=np.float64)
    quiet = abs(float(step.min()))
    if float(step[weight > 0].max(initial=-1.0)) <= 0:
        return math.inf
    cell = h / cells
    if 0 < quiet < h:
        cell = quiet / math.ceil(quiet / cell - 1e-9)
    size = math.ceil(h / cell - 1e-9)
    shifts = np.rint(np.clip(step / cell, -size, size)).astype(np.int64)
    moves, which = np.unique(shifts, return_inverse=True)
    chance = np.zeros(len(moves))
    np.add.at(chance, which, weight)
    kept = chance > _NEGLIGIBLE
    return _rounds(moves[kept], chance[kept], size)


def _rounds(moves: NDArray[np.int64], chance: NDArray[np.float64], size: int) -> float:
    """Cells 0 to size - 1; at `size` it alarms, at 0 or below the round is over."""
    tails = np.append(np.cumsum(chance[::-1])[::-1], 0.0)
    mass = np.zeros(size)
    mass[0] = 1.0
    low, high = 0, 1  # where mass is
    slots = alarms = 0.0
    for _ in range(_MOST_SLOTS):
        here = mass[low:high]
        staying = float(here.sum())
        if staying <= _ENDED * min(1.0, alarms):
            break
        slots += staying
        # From cell i a step of at least size - i alarms.
        alarms += float(here @ tails[np.searchsorted(moves, size - np.arange(low, high))])
        moved = np.zeros(size)
        for move, share in zip(moves.tolist(), chance.tolist(), strict=True):
            first, last = max(low, 1 - move), min(high, size - move)
            if first < last:
                moved[first + move : last + move] += share * mass[first:last]
        mass = moved
        low, high = max(1, low + int(moves[0])), min(size, high + int(moves[-1]))
        if low >= high:
            break
    else:
        raise ArithmeticError(f"no round ends within {_MOST_SLOTS} slots")
    return slots / alarms if alarms > 0 else math.inf
