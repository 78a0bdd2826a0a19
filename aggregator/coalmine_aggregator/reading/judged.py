"""What was judged, and what of it was bad, out of sums by outcome. Pure."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from coalmine_aggregator.model.fates import BAD, NEITHER, Fate

_BAD = [int(fate) for fate in BAD]
_JUDGED = [int(fate) for fate in Fate if fate not in NEITHER]


def judged_and_bad(sums: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """int64[...] each, of [..., COLUMNS] as `model.endings` tells them."""
    return sums[..., _JUDGED].sum(axis=-1), sums[..., _BAD].sum(axis=-1)
