"""Other names of the same cells, and which of them to use. Pure."""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

from coalmine_aggregator.model.lattice import Lattice
from coalmine_aggregator.model.scopes import PREFERENCE, Scope

MOST = 8
"""Equivalents that are listed at most."""


def names_of(
    lattice: Lattice, inside: NDArray[np.bool_], judged: NDArray[np.bool_]
) -> tuple[Scope, ...]:
    """Every scope that holds just the judged ones of the cells `inside`, the one to use first.

    Both masks are bool[cells]. The one to use has the fewest labels, then the earliest of `PREFERENCE`;
    next come the others that would not do with a label less, then those that would. Empty where no
    scope holds these cells.
    """
    cells = np.flatnonzero(inside & judged)
    if not len(cells):
        return ()
    shared = lattice.shared(cells)
    counts = np.bincount(lattice.matches(shared)[judged], minlength=1 << len(shared))
    for bit in range(len(shared)):  # sums over all supersets
        halves = counts.reshape(-1, 2, 1 << bit)
        halves[:, 0] += halves[:, 1]
    bits = [
        subset
        for size in range(len(shared) + 1)
        for subset in itertools.combinations(range(len(shared)), size)
    ]
    same = [s for s in bits if counts[sum(1 << bit for bit in s)] == len(cells)]
    minimal = [s for s in same if not any(set(other) < set(s) for other in same)]
    rest = [s for s in same if s not in minimal]
    return tuple(
        tuple(
            (PREFERENCE[label], lattice.text(label, code)) for label, code in (shared[bit] for bit in s)
        )
        for s in minimal + rest
    )
