"""What became of every single series in a slot: what detectors read. Pure."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

ABSENT: Final = 255
"""The place of a fate where nothing was expected."""


class SlotCells(NamedTuple):
    """One slot by series.

    `fates` is uint8[n]: the value of `Fate` of each series id below n, `ABSENT` where nothing was
    expected. `expected` is another object whenever another set of series is expected. `twice` are the
    ids of series that were received more than once. Nothing is ever written to again.
    """

    slot: int
    fates: NDArray[np.uint8]
    expected: object
    twice: NDArray[np.int32]
