"""How many of the cells that are looked at lie in each pattern. Pure."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from coalmine_aggregator.model.lattice import Lattice

Mask = NDArray[np.bool_]


class Expected:
    """`inside`, bool[cells], are the cells that are looked at; `base`, int32[patterns], counts them."""

    def __init__(self) -> None:
        self.inside: Mask = np.zeros(0, dtype=np.bool_)
        self.base: NDArray[np.int32] = np.zeros(0, dtype=np.int32)

    def move(self, lattice: Lattice, inside: Mask) -> NDArray[np.intp]:
        """Other cells from here on; the patterns whose count changed, of those that there were."""
        before = self.base
        self.base = self._counted(lattice, inside)
        self.inside = inside
        width = min(len(before), len(self.base))
        return np.flatnonzero(before[:width] != self.base[:width])

    def _counted(self, lattice: Lattice, inside: Mask) -> NDArray[np.int32]:
        before, base = self.inside, self.base
        if len(before) != len(inside) or len(base) != lattice.patterns:
            return lattice.counts(inside)
        changed = inside != before
        if np.count_nonzero(changed) >= np.count_nonzero(inside):
            return lattice.counts(inside)
        for cells, sign in ((changed & inside, 1), (changed & before, -1)):
            if cells.any():
                base = base + sign * lattice.counts(cells)
        return base
