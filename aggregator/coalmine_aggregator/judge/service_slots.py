"""A slot of one service by cell: settled, or open. Pure."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]


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
