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
    expected. `received` is bool[n]: what arrived in time, whatever its fate. `expected` is another
    object whenever another set of series is expected. `twice` are the ids of series that were received
    more than once. Nothing is ever written to again.
    """

    slot: int
    fates: NDArray[np.uint8]
    received: NDArray[np.bool_]
    expected: object
    twice: NDArray[np.int32]


class Revision(NamedTuple):
    """A settled slot that late evidence changed, of the same series before and after."""

    before: SlotCells
    after: SlotCells


class OpenSlot(NamedTuple):
    """What is certain by now of a slot that is not settled.

    `fates` is uint8[n]: `Fate.FAILED`, `ABANDONED` or `UNKNOWN` where nothing that comes later can make
    it good, `DELIVERED` where it arrived in time so far, `ABSENT` where it is pending or not expected.
    """

    slot: int
    fates: NDArray[np.uint8]
