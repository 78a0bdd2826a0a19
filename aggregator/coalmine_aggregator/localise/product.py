"""Products of matrices on one thread. Pure.

BLAS hands products above some size to a pool of threads. Here they take tens of microseconds, and
waiting for a core that is busy takes milliseconds: so they are done in blocks below that size.
"""

from __future__ import annotations

import numpy as np

from coalmine_aggregator.localise.likelihood import Floats

_BLOCK = 1 << 17  # multiplications; OpenBLAS starts threads above 1 << 18
_ROWS = 8


def product(left: Floats, right: Floats) -> Floats:
    """`left @ right.T`, of shapes (rows, n) and (columns, n)."""
    rows, columns = len(left), len(right)
    if rows * columns * left.shape[1] <= _BLOCK:
        return left @ right.T
    out = np.empty((rows, columns))
    width = max(2, _BLOCK // (_ROWS * max(1, left.shape[1])))
    for row in range(0, rows, _ROWS):
        for column in range(0, columns, width):
            part = left[row : row + _ROWS] @ right[column : column + width].T
            out[row : row + _ROWS, column : column + width] = part
    return out


def combined(rows: Floats, weights: Floats) -> Floats:
    """The sum of a few rows, each times its weight: (n,) of (k, n) and (k,)."""
    return np.asarray((rows * weights[:, None]).sum(axis=0))
