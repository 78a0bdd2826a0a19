"""The patterns of a lattice by number: the labels each names, and where their values are. Pure."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from coalmine_aggregator.model.growing_column import GrowingColumn
from coalmine_aggregator.model.scopes import PREFERENCE

PROTOCOL, VARIANT, LOCATION, REGION, ZONE, NODE, HOST = (1 << i for i in range(len(PREFERENCE)))
"""A set of labels is a sum of these: bit i stands for `PREFERENCE[i]`."""

BY_CELL: Final = 1 << len(PREFERENCE)
"""Set in the kind of a pattern whose values are read from a cell, not from a leaf."""


class PatternTable:
    """Numbers patterns in the order in which they come.

    A pattern's kind is its set of labels, with `BY_CELL` where it is summed from cells; its sample is
    a leaf or a cell that lies within it, and has its values.
    """

    def __init__(self) -> None:
        self._kinds = GrowingColumn(np.uint8)
        self._samples = GrowingColumn(np.int32)

    def __len__(self) -> int:
        return len(self._kinds)

    def append(self, kind: int, samples: NDArray[np.integer]) -> NDArray[np.int32]:
        """Appends one pattern per sample, all of one kind; the answer is their numbers."""
        first, count = len(self), len(samples)
        self._kinds.append(kind, count)
        self._samples.append(samples, count)
        return np.arange(first, first + count, dtype=np.int32)

    @property
    def kinds(self) -> NDArray[np.uint8]:
        """uint8[len(self)], by number."""
        return self._kinds.values

    def sample(self, number: int) -> int:
        """The leaf or cell to read a pattern's values from. Raises IndexError."""
        return int(self._samples.values[number])
