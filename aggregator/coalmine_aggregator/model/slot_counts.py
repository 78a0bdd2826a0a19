"""The counts of one slot by leaf: what is stored, alerted on and revised. Pure."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from coalmine_aggregator.model.counts import Counts
from coalmine_aggregator.model.scopes import Leaf


class SlotCounts(NamedTuple):
    """Every leaf of which something was expected in `slot`, in no promised order.

    `received` is int32[n], distinct on-time receipts of each leaf; `fates` is int32[n, 7], its columns
    those of `Fate`, each row adding up to what the leaf was expected to deliver. A revision is a whole
    `SlotCounts` that replaces the one before it. Neither array is ever written to again.
    """

    slot: int
    leaves: tuple[Leaf, ...]
    received: NDArray[np.int32]
    fates: NDArray[np.int32]

    def counts(self, row: int) -> Counts:
        """The counts of `leaves[row]` as plain integers."""
        return Counts(int(self.received[row]), tuple(int(n) for n in self.fates[row]))
