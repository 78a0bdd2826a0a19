"""What memory knows of the newest slots, which the store may not have yet."""

from __future__ import annotations

import msgspec
import numpy as np
from numpy.typing import NDArray

from coalmine_aggregator.model.endings import COLUMNS
from coalmine_aggregator.model.views import GroupSums


class Tail(msgspec.Struct, frozen=True):
    """Counts by slot and group: `sums` are int32[slots, groups, COLUMNS] in bytes, `labels` those that
    the question groups by, in its order."""

    slots: list[int]
    labels: list[tuple[str, ...]]
    sums: bytes

    def table(self) -> NDArray[np.int32]:
        """int32[slots, groups, COLUMNS]."""
        flat = np.frombuffer(self.sums, dtype=np.int32)
        return flat.reshape(len(self.slots), len(self.labels), COLUMNS)


def tail_of(sums: GroupSums) -> Tail:
    """The tail that these counts make."""
    return Tail(sums.slots, sums.labels, np.ascontiguousarray(sums.sums, dtype=np.int32).tobytes())
