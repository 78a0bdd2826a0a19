"""Which patterns a search weighs: those that gain most alone, or beside what is explained. Pure."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from coalmine_aggregator.localise.likelihood import Base, Floats, bound, likelihood
from coalmine_aggregator.model.growing_column import GrowingColumn
from coalmine_aggregator.model.lattice import Lattice
from coalmine_aggregator.model.pattern_table import BY_CELL

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
    """Tells patterns with the same judged cells, as long as the same cells are judged.

    Every cell has a random number; the sums of those that are judged name a pattern. In a large lattice
    they are added up where they are asked for, since nearly all questions are about wide patterns.
    """

    def __init__(self, lattice: Lattice) -> None:
        self._lattice = lattice
        self._rng = np.random.default_rng(20221)
        self._numbers = GrowingColumn(np.uint32)
        self._judged: NDArray[np.bool_] = np.zeros(0, dtype=np.bool_)
        self._known: dict[int, tuple[NDArray[np.int32], Floats]] = {}

    def follow(self, judged: NDArray[np.bool_]) -> bool:
        """These cells are judged from here on, bool[cells]; whether they are others than before."""
        if np.array_equal(judged, self._judged):
            return False
        more = len(judged) - len(self._numbers)
        if more > 0:
            self._numbers.append(self._rng.integers(1, 1 << 32, size=more), more)
        self._judged = judged
        self._known.clear()
        return True

    def first_of_each(self, patterns: Patterns) -> Patterns:
        """The patterns, less those whose twin came before."""
        _, first = np.unique(self._names(patterns), return_index=True)
        return patterns[np.sort(first)]

    def others(self, patterns: Patterns, known: Patterns) -> Patterns:
        """The patterns that are no twins of `known` ones, nor of each other."""
        names, those = self._names(patterns), np.sort(self._names(known))
        place = np.minimum(those.searchsorted(names), len(those) - 1)
        return self.first_of_each(patterns[those[place] != names] if len(those) else patterns)

    def _names(self, patterns: Patterns) -> Floats:
        kinds = self._lattice.kinds[patterns]
        names = np.empty(len(patterns))
        for tier in np.flatnonzero(np.bincount(np.where(kinds & BY_CELL, kinds, 0))).tolist():
            rows = np.flatnonzero(kinds == tier if tier else kinds < BY_CELL)
            known = self._known.get(tier)
            if known is None:
                known = self._known[tier] = self._summed(tier)
            numbers, sums = known
            names[rows] = sums[numbers.searchsorted(patterns[rows])]
        return names

    def _summed(self, tier: int) -> tuple[NDArray[np.int32], Floats]:
        """The names of the wide patterns (0), or of those of one narrow kind, with their numbers."""
        lattice = self._lattice
        # Sums of integers below 2**53 are exact in any order; two sets collide once in 2**32.
        by_cell = self._numbers.values.astype(np.float64)
        by_cell[~self._judged] = 0.0
        if tier:
            return lattice.narrow.sums_of(tier & ~BY_CELL, by_cell)
        return lattice.cube.numbers.values, lattice.cube.sums(lattice.by_leaf(by_cell))


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
