"""Patterns that a pool lacks: those with a loss that the best set of it leaves unexplained. Pure.

A gain is estimated: of a pattern whose counts have the variance v under the best set, and the excess
x, it is about (v + x) ln(1 + x / v) - x. That is exact for small losses, and takes no credit for what
is lost anyway. The search weighs in full what is found here.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from coalmine_aggregator.localise.atoms import Atoms
from coalmine_aggregator.localise.likelihood import Floats
from coalmine_aggregator.localise.pool import Counts, Patterns, Twins
from coalmine_aggregator.localise.product import combined
from coalmine_aggregator.localise.search import Chosen, Search
from coalmine_aggregator.model.lattice import Lattice

REFILL = 48
"""Patterns that are found at most for one question."""

MANY = 4096
"""Cells of a cause beyond which no patterns are looked for in its place: it has proven itself."""

STANDS_OUT = 1.5
"""Standard deviations above which a single cell of a large lattice is looked at."""

_LEAST_EXCESS = 0.5
_NONE: Patterns = np.zeros(0, dtype=np.int64)
_MOST_HIT = 32  # at most every 32nd cell is looked at: beyond, more deviations are asked for


class Refill:
    """Looks for patterns beside those of a pool, that gain half of `least_gain` by the estimate."""

    def __init__(self, lattice: Lattice, counts: Counts, twins: Twins, least_gain: float) -> None:
        self._lattice, self._counts, self._twins = lattice, counts, twins
        self._least = 0.5 * least_gain

    def beside(self, pool: Patterns, search: Search, best: Chosen, atoms: Atoms) -> Patterns:
        """What explains more than the best set does, or what one of its causes does.

        The latter only of causes with few cells.
        """
        loss = _losses(search, best, atoms)
        found = self._in_large(atoms, loss) if self._counts.large else [self._in_small(atoms, loss)]
        for left in best:
            cells = atoms.cells_in(left, self._lattice, MANY)
            if cells is not None:
                rest = tuple(row for row in best if row != left)
                found.append(self._within(cells, atoms, _losses(search, rest, atoms)))
        return self._twins.others(np.concatenate(found), pool)

    def _in_small(self, atoms: Atoms, loss: Floats) -> Patterns:
        counts, sums = self._counts, self._lattice.sums
        by_cell = loss[atoms.of_cells(self._lattice)]
        expected = counts.judged * by_cell
        excess = counts.bad_in - sums(expected)
        if excess.max() <= _LEAST_EXCESS:
            return _NONE
        return self._best(None, sums(expected * (1.0 - by_cell)), excess)

    def _in_large(self, atoms: Atoms, loss: Floats) -> list[Patterns]:
        cube, counts = self._lattice.cube, self._counts
        expected = atoms.judged * loss
        spread = cube.sums(atoms.by_leaf(expected * (1.0 - loss)))
        excess = counts.bad_in - cube.sums(atoms.by_leaf(expected))
        found = [self._best(counts.patterns, spread, excess)]
        # All lost of so many is how far a cell may stand out at most: in none where the loss is high.
        most_judged = counts.judged.max()
        if most_judged * (1.0 - loss.min()) < 0.99 * STANDS_OUT**2 * loss.min():
            return found
        cells = counts.hit
        of_cell = loss[atoms.of(cells, self._lattice)]
        by_cell = counts.judged[cells] * of_cell
        over, spread = counts.bad[cells] - by_cell, by_cell * (1.0 - of_cell)
        height = np.where(over > 0.0, over * over / np.maximum(spread, 1e-9), 0.0)
        most = len(loss) + self._lattice.cells // _MOST_HIT
        out = np.flatnonzero(height > STANDS_OUT**2)
        if len(out) > most:
            out = out[np.argpartition(-height[out], most)[:most]]
        if len(out):
            weights = spread[out], over[out]
            for numbers, (varies, exceeds) in self._lattice.narrow.touched(cells[out], weights):
                found.append(self._best(numbers, varies, exceeds))
        return found

    def _within(self, cells: NDArray[np.int64], atoms: Atoms, loss: Floats) -> Patterns:
        """Among the patterns of some cells, by these cells alone."""
        of_cell = loss[atoms.of(cells, self._lattice)]
        expected = self._counts.judged[cells] * of_cell
        excess = self._counts.bad[cells] - expected
        numbers, (spread, total) = self._lattice.touched_sums(cells, expected * (1.0 - of_cell), excess)
        return self._best(numbers, spread, total)

    def _best(
        self, numbers: NDArray[np.integer[Any]] | None, spread: Floats, excess: Floats
    ) -> Patterns:
        """The patterns that gain enough, best first; `numbers` unless it is all of them."""
        # A gain is at most x * x / v.
        places = np.flatnonzero((excess > _LEAST_EXCESS) & (excess * excess > self._least * spread))
        x, v = excess[places], np.maximum(spread[places], 1e-6)
        gains = (v + x) * np.log1p(x / v) - x
        places, gains = places[gains > self._least], gains[gains > self._least]
        top = places[np.argsort(-gains, kind="stable")[: 4 * REFILL]]
        patterns = top if numbers is None else numbers[top].astype(np.int64)
        return self._twins.first_of_each(patterns)[:REFILL]


def _losses(search: Search, chosen: Chosen, atoms: Atoms) -> Floats:
    """The loss of each atom under a set of patterns."""
    passed = combined(atoms.inside[list(chosen)], search.strengths(chosen))
    return np.asarray(1.0 - (1.0 - search.base(chosen)) * np.exp(-passed))
