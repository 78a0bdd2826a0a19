"""Arrays that grow by doubling, large ones by a quarter. Pure."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

_LARGE = 65_536
"""From here on doubling would waste too much."""

T = TypeVar("T", bound=np.generic)


def grown(array: NDArray[T], count: int, fill: float = 0) -> NDArray[T]:
    """`array` itself if its last axis holds `count`, else a wider copy."""
    width = array.shape[-1]
    if count <= width:
        return array
    while width < count:
        width += width if width < _LARGE else width // 4
    wider = np.full((*array.shape[:-1], width), fill, dtype=array.dtype)
    wider[..., : array.shape[-1]] = array
    return wider
