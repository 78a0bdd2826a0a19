"""What memory knows of the newest slots, which the store may not have yet."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from coalmine_aggregator.model.endings import COLUMNS, OUTCOMES, RECEIVED
from coalmine_aggregator.model.fates import Fate
from coalmine_aggregator.model.views import GroupRates


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


def tail_of(groups: Sequence[GroupRates], by: Sequence[str]) -> Tail:
    """The tail that these groups make, all of the same slots."""
    slots = groups[0].slots if groups else []
    sums = np.zeros((len(slots), len(groups), COLUMNS), dtype=np.int32)
    for index, group in enumerate(groups):
        sums[:, index, : Fate.UNKNOWN] = np.array(group.fates)[:, : Fate.UNKNOWN]
        sums[:, index, Fate.UNKNOWN : OUTCOMES] = group.unknown
        sums[:, index, RECEIVED] = group.received
    labels = [tuple(group.labels[label] for label in by) for group in groups]
    return Tail(list(slots), labels, sums.tobytes())
