"""Which patterns a search weighs: those that gain most alone, or beside what is explained. Pure."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from coalmine_aggregator.localise.likelihood import Base, Floats, bound, likelihood
from coalmine_aggregator.model.lattice import Lattice

Patterns = NDArray[np.int64]

SIZE = 96
"""Patterns in a pool at most."""

REFILL = 48
"""Patterns that are added to a pool at once at most."""

_FEW = 8192  # patterns up to which all are weighed in full


class Counts:
    """The counts of one question, by cell, leaf and pattern; all float64."""

    def __init__(self, lattice: Lattice, judged: Floats, bad: Floats) -> None:
        self.judged, self.bad = judged, bad
        self.by_leaf = lattice.by_leaf(judged), lattice.by_leaf(bad)
        self.judged_in: Floats = lattice.sums(judged)
        self.bad_in: Floats = lattice.sums(bad)


class Twins:
    """Tells patterns with the same judged cells, as long as the same cells are judged."""

    def __init__(self, lattice: Lattice, judged: NDArray[np.bool_]) -> None:
        rng = np.random.default_rng(20221)
        # Sums of integers below 2**53 are exact in any order; two sets collide once in 2**32.
        names = rng.integers(1, 1 << 32, size=lattice.cells).astype(np.float64)
        names[~judged] = 0.0
        self._names: Floats = lattice.sums(names)

    def first_of_each(self, patterns: Patterns) -> Patterns:
        """The patterns, less those whose twin came before."""
        _, first = np.unique(self._names[patterns], return_index=True)
        return patterns[np.sort(first)]

    def others(self, patterns: Patterns, known: Patterns) -> Patterns:
        """The patterns that are no twins of `known` ones, nor of each other."""
        fresh = patterns[~np.isin(self._names[patterns], self._names[known])]
        return self.first_of_each(fresh)


def promising(
    counts: Counts, twins: Twins, kinds: NDArray[Any], base: Base, least_gain: float
) -> tuple[Patterns, bool]:
    """The patterns that gain `least_gain` alone, up to `SIZE`, best first; and whether that is all."""
    judged, bad = counts.judged_in, counts.bad_in
    few = len(kinds) <= _FEW
    # Alone, each bad datapoint is worth -ln(base) at most: what has too few need not be weighed.
    enough = least_gain / -np.log(base.least)
    if not few:
        wide = np.flatnonzero((kinds < 128) & (bad > enough))
        gains = _gains(judged[wide], bad[wide], base)
        if len(gains) > 4 * SIZE:
            enough = max(enough, float(np.partition(gains, -4 * SIZE)[-4 * SIZE]) / -np.log(base.least))
    patterns = np.flatnonzero((bad > enough) & (bad > judged * base.least))
    gains = _gains(judged[patterns], bad[patterns], base)
    patterns, gains = patterns[gains >= least_gain], gains[gains >= least_gain]
    order = np.argsort(-gains, kind="stable")
    complete = few and len(order) <= 4 * SIZE
    chosen = twins.first_of_each(patterns[order[: 4 * SIZE]])
    return chosen[:SIZE], complete and len(chosen) <= SIZE


def unexplained(
    lattice: Lattice,
    counts: Counts,
    twins: Twins,
    loss: Floats,
    least_gain: float,
    cells: NDArray[np.int64] | None = None,
) -> Patterns:
    """Patterns with more bad datapoints than the losses by cell make likely, best first.

    Only those that hold one of `cells`, and only their counts there, where cells are given. The gain is
    estimated: of a pattern whose variance is v and whose excess is x it is about (v + x) ln(1 + x / v)
    - x, which is exact for small losses, and takes no credit for what is lost anyway.
    """
    if cells is None:
        expected = counts.judged * loss
        spread = lattice.sums(expected * (1.0 - loss))
        excess = counts.bad_in - lattice.sums(expected)
        numbers = None
    else:
        expected = counts.judged[cells] * loss[cells]
        numbers, (spread, excess) = lattice.touched_sums(
            cells, expected * (1.0 - loss[cells]), counts.bad[cells] - expected
        )
    # A gain is at most x * x / v.
    places = np.flatnonzero((excess > 0.5) & (excess * excess > 0.5 * least_gain * spread))
    x, v = excess[places], np.maximum(spread[places], 1e-6)
    gains = (v + x) * np.log1p(x / v) - x
    places, gains = places[gains > 0.5 * least_gain], gains[gains > 0.5 * least_gain]
    order = np.argsort(-gains, kind="stable")[: 4 * REFILL]
    patterns = places if numbers is None else numbers[places]
    return twins.first_of_each(patterns[order])[:REFILL]


def _gains(judged: Floats, bad: Floats, base: Base) -> Floats:
    least = np.full(1, base.least)
    return bound(judged, bad, base.least) - likelihood(judged, bad, least)
