"""Atoms: groups of cells that no pattern of a pool tells apart. Pure.

The search weighs sets of patterns on atoms, of which there are a few hundred where there are half a
million cells: every leaf, less the cells that narrow patterns of the pool carve out of it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from coalmine_aggregator.localise.likelihood import Floats
from coalmine_aggregator.model.lattice import Lattice
from coalmine_aggregator.model.pattern_table import BY_CELL

Patterns = NDArray[np.integer[Any]]

_APART = 2048  # cells up to which each carved one is an atom of its own


class Atoms(NamedTuple):
    """The atoms of a pool of patterns.

    `inside` (patterns, atoms) is 1.0 where an atom lies in a pattern, else 0.0; `judged` and `bad` are
    counts by atom. The first atoms are the lattice's leaves, without the cells `carved` (ascending),
    which are in the atoms `of_carved`. `leaf_of` is the leaf that an atom lies in.
    """

    inside: Floats
    judged: Floats
    bad: Floats
    carved: NDArray[np.int64]
    of_carved: NDArray[np.int64]
    leaf_of: NDArray[np.int32]

    def of_cells(self, lattice: Lattice) -> NDArray[np.int32]:
        """The atom of each cell of the lattice."""
        atom = lattice.leaf_of_cell.copy()
        atom[self.carved] = self.of_carved
        return atom

    def of(self, cells: NDArray[np.int64], lattice: Lattice) -> NDArray[np.int32]:
        """The atoms of some cells."""
        atom = lattice.leaf_of_cell[cells]
        if len(self.carved):
            place = np.minimum(self.carved.searchsorted(cells), len(self.carved) - 1)
            own = self.carved[place] == cells
            atom[own] = self.of_carved[place[own]]
        return atom

    def by_leaf(self, by_atom: Floats) -> Floats:
        """Adds up one number an atom to one a leaf."""
        return np.asarray(np.bincount(self.leaf_of, by_atom), dtype=np.float64)

    def cells_in(self, pattern: int, lattice: Lattice, most: int) -> NDArray[np.int64] | None:
        """The cells of a pattern, None where there are more than `most`."""
        leaves = len(lattice.cube.leaves)
        inside = self.inside[pattern] > 0.0
        if not inside[:leaves].any():  # all of its cells are carved out
            cells = self.carved[inside[self.of_carved]]
            return cells if len(cells) <= most else None
        if int(lattice.cells_of_leaf[inside[:leaves]].sum()) > most:
            return None
        return np.flatnonzero(inside[self.of_cells(lattice)])


def atoms_of(
    lattice: Lattice, pool: Patterns, judged: Floats, bad: Floats, leaf_counts: tuple[Floats, Floats]
) -> Atoms:
    """The atoms of distinct patterns, by counts by cell and by leaf."""
    leaves = lattice.leaf_of_cell
    narrow = (lattice.kinds[pool] & BY_CELL) != 0
    wide_inside = _wide(lattice, pool, narrow)
    cells, patterns = _pairs(lattice, pool, narrow)
    carved, row = np.unique(cells, return_inverse=True)
    row = row.reshape(-1)
    group = np.arange(len(carved))
    if len(carved) > _APART:
        # Cells of one leaf in the same patterns: equal sums of random numbers, but for one in 2**50.
        rng = np.random.default_rng(0)
        names = rng.integers(1 << 52, size=len(pool)).astype(np.float64) / (1 << 52)
        keys = np.stack((leaves[carved].astype(np.float64), np.bincount(row, names[patterns])), axis=1)
        _, first, group = np.unique(keys, axis=0, return_index=True, return_inverse=True)
        group = group.reshape(-1)
    else:
        first = group
    inside = np.concatenate((wide_inside, wide_inside[:, leaves[carved[first]]]), axis=1)
    count = wide_inside.shape[1]
    inside[patterns, count + group[row]] = 1.0
    parts = []
    for by_cell, by_leaf in zip((judged, bad), leaf_counts, strict=True):
        taken = by_cell[carved]
        rest = by_leaf - np.bincount(leaves[carved], taken, minlength=count)
        by_atom = np.concatenate((rest, np.bincount(group, taken, minlength=len(first))))
        parts.append(np.asarray(by_atom, dtype=np.float64))
    leaf_of = np.concatenate((np.arange(count, dtype=np.int32), leaves[carved[first]]))
    return Atoms(inside, parts[0], parts[1], carved, count + group, leaf_of)


def _wide(lattice: Lattice, pool: Patterns, narrow: NDArray[np.bool_]) -> Floats:
    """(patterns, leaves); the rows of narrow patterns are empty."""
    cube = lattice.cube
    links, numbers = cube.links(), cube.numbers.values
    row_of = np.full(len(numbers), -1, dtype=np.int64)
    rows = np.flatnonzero(~narrow)
    row_of[numbers.searchsorted(pool[rows])] = rows
    row = row_of[links.places]
    held = row >= 0
    inside = np.zeros((len(pool), len(cube.leaves)))
    inside[row[held], links.leaves[held]] = 1.0
    return inside


def _pairs(
    lattice: Lattice, pool: Patterns, narrow: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Cells and the pool's narrow patterns that they lie in, by their place in the pool."""
    kinds = lattice.kinds[pool]
    cells, places = [], []
    for kind in np.flatnonzero(np.bincount(kinds[narrow])).tolist():
        family = lattice.narrow.families[kind & ~BY_CELL]
        rows = np.flatnonzero(kinds == kind)
        row_of = np.full(len(family.numbers) + 1, -1, dtype=np.int16)
        row_of[family.numbers.values.searchsorted(pool[rows]) + 1] = rows
        row = row_of[family.groups.values]
        held = np.flatnonzero(row >= 0)
        cells.append(held)
        places.append(row[held].astype(np.int64))
    if not cells:
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    return np.concatenate(cells), np.concatenate(places)
