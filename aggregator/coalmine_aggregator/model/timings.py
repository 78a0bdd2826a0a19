"""What reports said of steps and certificates, beside how attempts ended. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Timings(NamedTuple):
    """Of attempts that were sent: `series` int32[n] and their `steps_us` int32[n, 5], -1 for a step
    that was not taken. `ends` pairs series with the ends of the certificates that they showed (seconds
    since the epoch)."""

    series: NDArray[np.int32]
    steps_us: NDArray[np.int32]
    ends: Sequence[tuple[int, int]]


NO_TIMINGS = Timings(np.zeros(0, dtype=np.int32), np.zeros((0, 5), dtype=np.int32), ())
