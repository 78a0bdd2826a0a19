"""Groups of numbers by their labels, over several services, in the order in which they come up."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from coalmine_aggregator.model.label_filter import LabelFilter
from coalmine_aggregator.reading.catalogue import Catalogue

Labels = tuple[str, ...]


class Groups:
    """What is grouped by, and the groups that came up so far."""

    def __init__(self, by: Sequence[str], wanted: LabelFilter) -> None:
        self.by = tuple(by)
        self.wanted = wanted
        self._number_of: dict[Labels, int] = {}

    def __len__(self) -> int:
        return len(self._number_of)

    @property
    def labels(self) -> list[Labels]:
        """The groups' labels, by number."""
        return list(self._number_of)

    def number(self, labels: Labels) -> int:
        """The number of a group, a new one where it is new."""
        return self._number_of.setdefault(labels, len(self._number_of))


class Grouping:
    """The groups of one service's numbers; those never admitted have none."""

    def __init__(self, groups: Groups, catalogue: Catalogue) -> None:
        self.of = np.full(len(catalogue), -1, dtype=np.int32)
        """int32[numbers]: the group of each, -1 for none."""
        self._groups = groups
        self._catalogue = catalogue
        self._open = catalogue.chosen(groups.wanted)

    def admit(self, mask: NDArray[np.bool_]) -> None:
        """Gives groups to the numbers of a mask that are asked for."""
        width = min(len(mask), len(self._open))
        numbers = np.flatnonzero(self._open[:width] & mask[:width])
        if not len(numbers):
            return
        self._open[numbers] = False
        key = np.zeros(len(numbers), dtype=np.int64)
        for label in self._groups.by:
            if label != "service":
                column = self._catalogue.columns[label]
                # Made small again each time: the product of all labels' sizes could overflow.
                key = np.unique(key, return_inverse=True)[1].reshape(-1) * len(column.values)
                key += column.codes[numbers]
        _, samples, group = np.unique(key, return_index=True, return_inverse=True)
        values = [self._catalogue.values(label, numbers[samples]) for label in self._groups.by]
        labels = zip(*values, strict=True) if values else [()] * len(samples)
        number = np.array([self._groups.number(each) for each in labels], dtype=np.int32)
        self.of[numbers] = number[group.reshape(-1)]

    def admit_all(self) -> None:
        """Gives groups to all that are asked for."""
        self.admit(np.ones(len(self._open), dtype=np.bool_))
