"""Arrays that grow by doubling. Pure."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

T = TypeVar("T", bound=np.generic)


def grown(array: NDArray[T], count: int, fill: float = 0) -> NDArray[T]:
    """`array` itself if its last axis holds `count`, else a copy at least twice as wide."""
    width = array.shape[-1]
    if count <= width:
        return array
    while width < count:
        width *= 2
    wider = np.full((*array.shape[:-1], width), fill, dtype=array.dtype)
    wider[..., : array.shape[-1]] = array
    return wider
