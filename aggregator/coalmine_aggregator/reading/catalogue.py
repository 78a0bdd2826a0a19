"""The combinations of labels that a service has, by number, as columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from coalmine_aggregator.model.label_filter import LabelFilter
from coalmine_wire.series import LABELS

Codes = NDArray[np.int32]

_NEVER: Final = -1


class Column:
    """One label: `codes` int32[numbers] into `values`, -1 for numbers that there are not."""

    def __init__(self) -> None:
        self.codes: Codes = np.zeros(0, dtype=np.int32)
        self.values: list[str] = []
        self._code_of: dict[str, int] = {}

    def put(self, numbers: NDArray[np.int64], values: Sequence[str]) -> None:
        """The values of these numbers."""
        width = int(numbers[-1]) + 1
        if width > len(self.codes):
            more = np.full(width - len(self.codes), _NEVER, dtype=np.int32)
            self.codes = np.concatenate((self.codes, more))
        known = self._code_of
        self.codes[numbers] = [known.setdefault(value, len(known)) for value in values]
        self.values.extend(list(known)[len(self.values) :])

    def fits(self, label: str, wanted: LabelFilter) -> NDArray[np.bool_]:
        """bool[numbers]: whose value the filter takes."""
        good = np.array([wanted.matches(label, value) for value in self.values] + [False])
        fitting: NDArray[np.bool_] = good[self.codes]
        return fitting


class Catalogue:
    """A table of numbered labels (`series`, `leaves` or `cells`) of one service. It only grows."""

    def __init__(self, table: sa.Table, service: str) -> None:
        self.service = service
        self.labels = tuple(label for label in LABELS if label in table.c and label != "service")
        self.columns: Mapping[str, Column] = {label: Column() for label in self.labels}
        self._table = table

    def __len__(self) -> int:
        return len(self.columns[self.labels[0]].codes)

    def refresh(self, connection: sa.Connection) -> None:
        """Reads the numbers that are new."""
        table = self._table
        rows = connection.execute(
            sa.select(table.c.number, *(table.c[label] for label in self.labels))
            .where(table.c.service == self.service, table.c.number >= len(self))
            .order_by(table.c.number)
        ).all()
        if not rows:
            return
        numbers, *values = zip(*rows, strict=True)
        where = np.array(numbers, dtype=np.int64)
        for label, column in zip(self.labels, values, strict=True):
            self.columns[label].put(where, column)

    def chosen(self, wanted: LabelFilter) -> NDArray[np.bool_]:
        """bool[numbers]: which ones a filter takes; its labels must be some of ours, or the service."""
        mask: NDArray[np.bool_] = self.columns[self.labels[0]].codes != _NEVER
        if not wanted.matches("service", self.service):
            return np.zeros(len(mask), dtype=np.bool_)
        for label in wanted.where:
            if label != "service":
                mask &= self.columns[label].fits(label, wanted)
        return mask

    def values(self, label: str, numbers: NDArray[np.intp]) -> list[str]:
        """The label's values of these numbers."""
        if label == "service":
            return [self.service] * len(numbers)
        column = self.columns[label]
        return [column.values[code] for code in column.codes[numbers].tolist()]

    def order(self, numbers: NDArray[np.intp]) -> NDArray[np.intp]:
        """These numbers in the order of their labels."""
        keys = []
        for label in reversed(self.labels):
            column = self.columns[label]
            rank = np.empty(len(column.values), dtype=np.int64)
            rank[np.argsort(np.array(column.values))] = np.arange(len(rank))
            keys.append(rank[column.codes[numbers]])
        ordered: NDArray[np.intp] = numbers[np.lexsort(keys)]
        return ordered
