"""Receipts in columns: what receivers hand to the ledger. Pure."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Receipts(NamedTuple):
    """Datapoints that arrived together.

    `series` are ids of the series table (int32), `slots` their slots (int64, seconds since the
    epoch), of equal length. `source` is the receipt source's number, `arrived` its wall-clock time.
    """

    source: int
    arrived: float
    series: NDArray[np.int32]
    slots: NDArray[np.int64]
