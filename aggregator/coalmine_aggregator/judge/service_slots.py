"""A slot of one service by cell: settled, or open. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from coalmine_aggregator.model.fates import Fate

Mask = NDArray[np.bool_]


def among(fates: NDArray[np.uint8], which: Sequence[Fate]) -> Mask:
    """bool[n]: which of the fates are one of a few. So many comparisons take a fifth of a look-up."""
    mask: Mask = fates == which[0]
    for fate in which[1:]:
        mask |= fates == fate
    return mask


class Cells(NamedTuple):
    """One slot of one service, by cell."""

    slot: int
    expected: Mask
    bad: Mask
    neither: Mask


class Now(NamedTuple):
    """An open slot, by cell. `arrived` came in time so far."""

    slot: int
    expected: Mask
    bad: Mask
    neither: Mask
    arrived: Mask
