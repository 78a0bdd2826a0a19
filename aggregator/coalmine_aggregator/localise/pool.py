"""Which patterns a search weighs: those that gain most alone, or beside what is explained. Pure."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from coalmine_aggregator.localise.likelihood import Base, Floats, bound, likelihood
from coalmine_aggregator.model.lattice import Lattice

Patterns = NDArray[np.int64]

SIZE = 64
"""Patterns in a pool at most."""

LARGE = 20_000
"""Cells beyond which narrow patterns are weighed only where single cells of theirs stand out."""


class Counts:
    """The counts of one question by cell, leaf and pattern; all float64.

    In a large lattice only the wide patterns are summed: `patterns` are the numbers of those that are.
    """

    def __init__(self, lattice: Lattice, judged: Floats, bad: Floats) -> None:
        self.judged, self.bad = judged, bad
        self.by_leaf = lattice.by_leaf(judged), lattice.by_leaf(bad)
        self.large = lattice.cells > LARGE
        self.patterns: NDArray[np.integer[Any]]
        self.judged_in: Floats
        self.bad_in: Floats
        if self.large:
            self.patterns = lattice.cube.numbers.values
            self.judged_in, self.bad_in = (lattice.cube.sums(counts) for counts in self.by_leaf)
            self.hit = np.flatnonzero(bad)
        else:
            self.patterns = np.arange(lattice.patterns)
            self.judged_in, self.bad_in = lattice.sums(judged), lattice.sums(bad)


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


def promising(counts: Counts, twins: Twins, base: Base, least_gain: float) -> tuple[Patterns, bool]:
    """The patterns that gain `least_gain` alone, up to `SIZE`, best first; and whether that is all."""
    judged, bad = counts.judged_in, counts.bad_in
    # Alone, each bad datapoint is worth -ln(base) at most: what has too few need not be weighed.
    enough = least_gain / -np.log(base.least)
    places = np.flatnonzero((bad > enough) & (bad > judged * base.least))
    gains = _gains(judged[places], bad[places], base)
    places, gains = places[gains >= least_gain], gains[gains >= least_gain]
    order = np.argsort(-gains, kind="stable")
    chosen = twins.first_of_each(counts.patterns[places[order[: 4 * SIZE]]].astype(np.int64))
    complete = not counts.large and len(order) <= 4 * SIZE and len(chosen) <= SIZE
    return chosen[:SIZE], complete


def _gains(judged: Floats, bad: Floats, base: Base) -> Floats:
    least = np.full(1, base.least)
    return bound(judged, bad, base.least) - likelihood(judged, bad, least)
