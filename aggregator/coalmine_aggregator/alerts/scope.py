"""Which group a loss is: judging patterns, and choosing the one to name. Pure."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from coalmine_aggregator.alerts.cube import Cube
from coalmine_aggregator.model.scopes import Scope

COVER = 0.9
"""The share of the service's bad datapoints that a scope must explain."""

STEADY = 1.5
"""A named scope stays until another one's bad fraction is this many times its own.

Without it the scope of a partial loss would follow the noise, and each step would be a message.
"""

_EPSILON = 1e-9
"""Keeps the rounding of `p0 * judged` from counting as loss."""


def exceeds(
    bad: NDArray[np.int64], judged: NDArray[np.int64], acceptable_loss: float
) -> NDArray[np.bool_]:
    """Where the bad fraction is above the acceptable one."""
    return np.asarray(bad > judged * acceptable_loss + _EPSILON)


def choose(cube: Cube, bad: NDArray[np.int64], judged: NDArray[np.int64], named: Scope | None) -> Scope:
    """The scope of a loss: bad and judged are by pattern, and something is bad.

    Among the patterns that cover `COVER` of the service's bad datapoints, the one with the highest
    bad fraction; of equals the one with the fewest labels, then the preferred labels, which is the
    order of the cube. `named` is the scope of the alert that is open already.
    """
    covering = bad >= COVER * bad[0]  # the first pattern is the whole service
    fraction = np.where(covering & (judged > 0), bad / np.maximum(judged, 1), -1.0)
    best = int(np.argmax(fraction))
    if named is not None and named in cube.patterns:
        before = cube.patterns.index(named)
        if covering[before] and fraction[best] < STEADY * fraction[before]:
            return named
    return cube.patterns[best]
