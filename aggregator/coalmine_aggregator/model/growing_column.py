"""A column of numbers that is appended to and read as one array. Pure."""

from __future__ import annotations

from typing import Generic, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

T = TypeVar("T", bound=np.generic)

FIRST_SIZE = 64
"""Numbers that fit before the column grows for the first time."""


class GrowingColumn(Generic[T]):
    """Grows by half, so that appending costs constant time and at most a third stands empty."""

    def __init__(self, dtype: type[T]) -> None:
        self._array: NDArray[T] = np.zeros(FIRST_SIZE, dtype=dtype)
        self._count = 0

    def __len__(self) -> int:
        return self._count

    @property
    def values(self) -> NDArray[T]:
        """What was appended so far: a view, which later appends may leave behind."""
        return self._array[: self._count]

    def append(self, more: ArrayLike, count: int) -> None:
        """Appends `count` numbers: an array of as many, or one number repeated."""
        end = self._count + count
        if end > len(self._array):
            wider = np.zeros(max(end, len(self._array) * 3 // 2), dtype=self._array.dtype)
            wider[: self._count] = self._array[: self._count]
            self._array = wider
        self._array[self._count : end] = more
        self._count = end

    def reach(self, count: int) -> None:
        """Appends zeros until there are `count` numbers."""
        if count > self._count:
            self.append(0, count - self._count)
