"""How much likelier counts are under loss than under noise: log likelihood ratios, in nats. Pure.

Of n judged datapoints k are bad. Under a loss of p, k is binomial, or beta-binomial where a slot's
datapoints share their luck: rho is the correlation of any two of them. The two hypotheses have the same
rho, and then the ratio is a sum of a term of k and a term of n - k:

    binomial         k ln(p1 / p0) + (n - k) ln((1 - p1) / (1 - p0))
    beta-binomial    sum over i < k of ln((a1 + i) / (a0 + i))
                     + sum over i < n - k of ln((b1 + i) / (b0 + i))

with a = p (1 - rho) / rho and b = (1 - p) (1 - rho) / rho. The bank looks both terms up in tables.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from coalmine_aggregator.detect.log_gamma import log_gamma

P1S: Final = (0.005, 0.02, 0.1, 0.5, 0.99)
"""The losses that are looked for, whatever the service."""

LEAST_P0: Final = 1e-5
"""A service that accepts no loss at all is judged as one that accepts this much: proof of loss needs a
chance of noise, and an endless ratio would page on any single datapoint."""

WORTH: Final = 1.5
"""An alternative below this many times p0 is switched off: it would look for what is accepted."""

MOST_RHO: Final = 0.9
"""Above it, the datapoints of a slot are one datapoint."""

_LEAST_RHO: Final = 1e-6
_TABLE: Final = 4096


def floored(p0: float) -> float:
    """The acceptable loss as it is judged: in [`LEAST_P0`, 0.999]. Raises ValueError outside [0, 1)."""
    if not 0 <= p0 < 1:
        raise ValueError(f"an acceptable loss is in [0, 1), not {p0}")
    return min(max(p0, LEAST_P0), 0.999)


def alternatives(p0: float) -> tuple[tuple[int, float], ...]:
    """What is looked for in a service with this acceptable loss: (index into `P1S`, loss), ascending.

    All of `P1S` from 1.5 p0 on. Where p0 is so large that there is none, there is still one, the last,
    half way from p0 to total loss if even that is not above p0.
    """
    base = floored(p0)
    kept = tuple((index, p1) for index, p1 in enumerate(P1S) if p1 >= WORTH * base)
    if kept:
        return kept
    return ((len(P1S) - 1, max(P1S[-1], (1.0 + base) / 2)),)


def kl(a: ArrayLike, q: float) -> NDArray[np.float64]:
    """The divergence of a loss a from q in (0, 1), in nats a datapoint; 0 while a <= q. Any shape."""
    loss = np.clip(np.asarray(a, dtype=np.float64), 0.0, 1.0)
    rest = 1.0 - loss
    above = loss * np.log(np.maximum(loss, q) / q)
    below = rest * (np.log(np.where(rest > 0, rest, 1.0)) - math.log1p(-q))
    return np.where(loss > q, above + below, 0.0)


def cap(judged: ArrayLike, bad: ArrayLike, q: float, c: float) -> NDArray[np.float64]:
    """The most by which one slot may raise a statistic.

    It is c within what a healthy burst may do, which is a loss up to q; beyond it the evidence counts
    in full. Any shape; judged may be 0.
    """
    n = np.asarray(judged, dtype=np.float64)
    loss = np.asarray(bad, dtype=np.float64) / np.maximum(n, 1.0)
    limit = np.full(loss.shape, float(c))
    beyond = loss > q
    if beyond.any():  # few are, and a divergence is dear
        limit[beyond] += n[beyond] * kl(loss[beyond], q)
    return limit


def log_likelihood_ratio(
    judged: ArrayLike, bad: ArrayLike, p0: float, p1: float, rho: float = 0.0
) -> NDArray[np.float64]:
    """ln P(bad of judged | p1, rho) / P(bad of judged | p0, rho), of any shape; 0 <= bad <= judged.

    p0 and p1 are in (0, 1), rho in [0, 1).
    """
    k, n = np.broadcast_arrays(np.asarray(bad, dtype=np.float64), np.asarray(judged, dtype=np.float64))
    lost, kept = np.array([p1, p0]), np.array([1.0 - p1, 1.0 - p0])
    terms = _Terms(lost, rho).of(k.ravel()) + _Terms(kept, rho).of((n - k).ravel())
    return terms.reshape(k.shape)


def ratio_of(judged: int, bad: int, p0: float, p1: float, rho: float = 0.0) -> float:
    """`log_likelihood_ratio` of a single slot, in a hundredth of the time."""
    good = judged - bad
    if rho < _LEAST_RHO:
        return bad * math.log(p1 / p0) + good * (math.log1p(-p1) - math.log1p(-p0))
    whole = (1.0 - min(rho, MOST_RHO)) / min(rho, MOST_RHO)
    return (
        _ascending(p1 * whole, bad)
        - _ascending(p0 * whole, bad)
        + _ascending((1.0 - p1) * whole, good)
        - _ascending((1.0 - p0) * whole, good)
    )


def _ascending(start: float, count: int) -> float:
    """ln of start (start + 1) ... (start + count - 1)."""
    return math.lgamma(start + count) - math.lgamma(start)


class Likelihood:
    """The ratios of one service's alternatives, for many counts at once.

    `indices` are those into `P1S`, `p1s` the losses; A is their number.
    """

    def __init__(self, p0: float, rho: float = 0.0) -> None:
        """`rho` is in [0, 1); raises ValueError for a p0 outside [0, 1)."""
        kept = alternatives(p0)
        self.indices = np.array([index for index, _ in kept], dtype=np.int64)
        self.p1s = np.array([p1 for _, p1 in kept])
        losses = np.append(self.p1s, floored(p0))
        self._bad = _Terms(losses, rho, _TABLE)
        self._good = _Terms(1.0 - losses, rho, _TABLE)

    def of_bad(self, counts: NDArray[np.integer]) -> NDArray[np.float64]:
        """What so many bad datapoints say, int[m] -> float64[m, A]; at least 0."""
        return self._bad.look_up(counts)

    def of_good(self, counts: NDArray[np.integer]) -> NDArray[np.float64]:
        """What so many good datapoints say, int[m] -> float64[m, A]; at most 0."""
        return self._good.look_up(counts)


class _Terms:
    """What datapoints of one kind say for each of some chances of that kind against the last one."""

    def __init__(self, chances: NDArray[np.float64], rho: float, known: int = 1) -> None:
        """Those of fewer than `known` datapoints are kept in a table."""
        whole = 0.0 if rho < _LEAST_RHO else (1.0 - min(rho, MOST_RHO)) / min(rho, MOST_RHO)
        self._starts = chances * whole if whole else None
        self._zero = log_gamma(chances * whole) if whole else np.zeros(0)
        self._slopes = np.log(chances[:-1]) - math.log(chances[-1])
        self._table = self.of(np.arange(known, dtype=np.float64))

    def of(self, counts: NDArray[np.float64]) -> NDArray[np.float64]:
        """float64[m] -> float64[m, chances - 1]."""
        if self._starts is None:
            return np.multiply.outer(counts, self._slopes)
        ascending = log_gamma(np.add.outer(counts, self._starts)) - self._zero
        return np.asarray(ascending[:, :-1] - ascending[:, -1:], dtype=np.float64)

    def look_up(self, counts: NDArray[np.integer]) -> NDArray[np.float64]:
        """int[m] -> float64[m, chances - 1], a copy."""
        try:
            return self._table.take(counts, axis=0)
        except IndexError:  # some are beyond the table; to ask first would cost as much as the look-up
            pass
        terms = self._table.take(counts, axis=0, mode="clip")
        far = np.flatnonzero(counts >= len(self._table))
        terms[far] = self.of(counts[far].astype(np.float64))
        return terms
