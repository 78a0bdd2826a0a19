"""The series of one service as cells: numbered, with patterns and localiser over them. Pure."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from coalmine_aggregator.ledger.series import AllSeries
from coalmine_aggregator.localise.localiser import Localiser
from coalmine_aggregator.model.lattice import Lattice
from coalmine_aggregator.model.scopes import PREFERENCE, Scope
from coalmine_aggregator.model.slot_cells import ABSENT

Mask = NDArray[np.bool_]


class ServiceCells:
    """Cells are numbered in the order in which their series were first expected, and never again for
    another series."""

    def __init__(self, service: str) -> None:
        self.service = service
        self.lattice = Lattice()
        self.localiser = Localiser(self.lattice)
        self._ids: NDArray[np.int32] = np.zeros(0, dtype=np.int32)
        self._looked_at = 0
        self._series: AllSeries | None = None
        self._whole = True  # the cells are all series there are, in their order

    def __len__(self) -> int:
        return len(self._ids)

    def learn(self, series: AllSeries) -> None:
        """Takes in the series that came since it was last called."""
        count = len(series)
        if count == self._looked_at:
            return
        first, self._looked_at, self._series = self._looked_at, count, series
        code = series.code_of("service", self.service)
        fresh = first + np.flatnonzero(
            series.codes("service")[first:] == (-1 if code is None else code)
        )
        self._whole = self._whole and len(fresh) == count - first
        if not fresh.size:
            return
        columns = [
            np.array(series.values(label), dtype=object)[series.codes(label)[fresh]]
            for label in PREFERENCE
        ]
        self.lattice.add(list(zip(*columns, strict=True)))
        self._ids = np.concatenate([self._ids, fresh.astype(np.int32)])

    def take(self, by_series: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The entries of the cells; `ABSENT` for those whose series are not among `by_series` yet."""
        count = len(by_series)
        if self._whole and count >= len(self._ids):
            return by_series[: len(self._ids)]
        fit = int(np.searchsorted(self._ids, count))
        taken = by_series[self._ids[:fit]]
        if fit == len(self._ids):
            return taken
        return np.concatenate([taken, np.full(len(self._ids) - fit, ABSENT, dtype=np.uint8)])

    def flags(self, by_series: Mask) -> Mask:
        """The same for truths; False where a series is not known yet."""
        return np.asarray(self.take(by_series.view(np.uint8)) == 1, dtype=np.bool_)

    def mask(self, series: NDArray[np.int32]) -> Mask:
        """bool[cells]: the cells of these series."""
        mask = np.zeros(len(self._ids), dtype=np.bool_)
        if series.size and len(self._ids):
            at = np.minimum(np.searchsorted(self._ids, series), len(self._ids) - 1)
            mask[at[self._ids[at] == series]] = True
        return mask

    def series_in(self, scope: Scope) -> NDArray[np.int32]:
        """The ids of the series in a scope, ascending, expected or not.

        Raises KeyError for a label that no scope may name.
        """
        return self._ids[self.lattice.members(scope)]

    def nodes(self, by_series: NDArray[np.uint8]) -> int:
        """To how many nodes the series lead that are not `ABSENT` there."""
        series = self._series
        if series is None:
            return 0
        there = self._ids[self.take(by_series) != ABSENT]
        found = np.unique(series.codes("node")[there])
        nowhere = series.code_of("node", "")
        return len(found) - int(nowhere is not None and nowhere in found)

    def of(self, label: str, values: Iterable[str]) -> Mask:
        """bool[cells]: the cells of series that carry one of these values of a label."""
        series = self._series
        if series is None:
            return np.zeros(0, dtype=np.bool_)
        known = (series.code_of(label, value) for value in values)
        codes = np.array([code for code in known if code is not None], dtype=np.int64)
        return np.asarray(np.isin(series.codes(label)[self._ids], codes), dtype=np.bool_)
