"""The series known, by dense id: names, labels, leaves. Pure.

Ids are given in order and never used again for another name; a name keeps its id for good, also over
restarts as long as the exceptions that refer to it are kept (see `exceptions`).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from coalmine_aggregator.ledger.growing import grown
from coalmine_aggregator.model.scopes import Leaf, leaf_of
from coalmine_wire.series import LABELS, Series, parse_name

MAX_SERIES = 1_000_000
"""Series known at once, retired ones included."""

CONTROL = "_control"
"""The service that a control agent's series form, whatever they are sent to."""

Codes = NDArray[np.int32]


class SeriesFullError(Exception):
    """There are `MAX_SERIES` series already."""


class AllSeries:
    """Every series that was ever expected. Its columns are int32 arrays over the ids."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.leaves: list[Leaf] = []
        self._ids: dict[str, int] = {}
        self._leaf_ids: dict[Leaf, int] = {}
        self._leaf: Codes = np.zeros(1024, dtype=np.int32)
        self._codes: dict[str, Codes] = {label: np.zeros(1024, dtype=np.int32) for label in LABELS}
        self._values: dict[str, list[str]] = {label: [] for label in LABELS}
        self._value_codes: dict[str, dict[str, int]] = {label: {} for label in LABELS}

    def __len__(self) -> int:
        return len(self.names)

    def id_of(self, name: str) -> int | None:
        """The id of a series' full name (see `full_name`), if it has one."""
        return self._ids.get(name)

    def add(self, series: Series, control: bool) -> int:
        """The id of a series, a new one where it is new. Raises `SeriesFullError`."""
        name = full_name(series, control)
        known = self._ids.get(name)
        if known is not None:
            return known
        number = len(self.names)
        if number >= MAX_SERIES:
            raise SeriesFullError
        if control:
            series = series._replace(service=CONTROL)
        self.names.append(name)
        self._ids[name] = number
        self._leaf = grown(self._leaf, number + 1)
        self._leaf[number] = self.number_of(leaf_of(series))
        for label, value in zip(LABELS, series, strict=True):
            codes, text = self._value_codes[label], str(value)
            code = codes.setdefault(text, len(codes))
            if code == len(self._values[label]):
                self._values[label].append(text)
            column = grown(self._codes[label], number + 1)
            column[number] = code
            self._codes[label] = column
        return number

    def restore(self, full: str) -> int:
        """`add` of a full name. Raises `SeriesNameError`, `SeriesFullError`."""
        control = full.startswith(MARK)
        return self.add(parse_name(full.removeprefix(MARK)), control)

    def number_of(self, leaf: Leaf) -> int:
        """The number of a leaf, its place in `leaves`; a new one where it is new."""
        number = self._leaf_ids.setdefault(leaf, len(self.leaves))
        if number == len(self.leaves):
            self.leaves.append(leaf)
        return number

    def wire_name(self, series: int) -> bytes:
        """The name that datapoints of a series carry."""
        return self.names[series].removeprefix(MARK).encode()

    def leaf(self, count: int) -> Codes:
        """int32[count]: the leaf number of each id below `count`."""
        return self._leaf[:count]

    def codes(self, label: str) -> Codes:
        """int32[len(self)]: the number of each series' value of `label`."""
        return self._codes[label][: len(self.names)]

    def values(self, label: str) -> list[str]:
        """The values of `label`, by number."""
        return self._values[label]

    def code_of(self, label: str, value: str) -> int | None:
        """The number of a value, None if no series has it."""
        return self._value_codes[label].get(value)


MARK = "!"
"""In front of the full name of a series that a control agent sends."""


def full_name(series: Series, control: bool) -> str:
    """What tells a series from all others: its name, and whether a control agent sends it."""
    return MARK + series.name() if control else series.name()
