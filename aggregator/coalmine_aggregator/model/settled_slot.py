"""How every expected series ended in one slot: what history keeps of it. Pure."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray


class ExpectedSeries(Protocol):
    """Which series a slot expects, of the first `width` ids. Hashable; equal ones expect the same."""

    @property
    def width(self) -> int:
        """Ids from here on are not expected."""

    def mask(self) -> NDArray[np.bool_]:
        """bool[width]."""


class SettledSlot(NamedTuple):
    """One slot, settled or revised: a revision is a whole `SettledSlot` that replaces the one before.

    `expected` is the very same object while the same series are expected. `usual` is the ending (see
    `model.endings`) that more of them had than any other. `ids` int32[n], ascending, are the ledger's
    ids of those that ended otherwise, `endings` uint8[n] how. Nothing is ever written to again.
    """

    slot: int
    expected: ExpectedSeries
    usual: int
    ids: NDArray[np.int32]
    endings: NDArray[np.uint8]
