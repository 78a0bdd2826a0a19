"""The newest seconds of a service's components, and the states that they fold to. Pure.

Seconds that were measured are remembered as far back as a fold reaches, so that late evidence, which
revises them, leads to the same state as a start that reads them anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from coalmine_aggregator.status.compose import Live
from coalmine_aggregator.status.state import MAX_WINDOW_S, MEMORY_S, StateFold, StateRules

Slots = NDArray[np.int64]
Table = NDArray[np.int64]

KEPT: Final = MEMORY_S + MAX_WINDOW_S
"""Seconds that are remembered."""

_SLACK: Final = 600
"""So many more are let go of at once."""


class RecentSeconds:
    """Of some components, by their place in `ids`."""

    def __init__(self, ids: Sequence[str], rules: StateRules) -> None:
        self.ids = tuple(ids)
        self._rules = rules
        self._slots: Slots = np.zeros(0, dtype=np.int64)
        self._judged: Table = np.zeros((0, len(ids)), dtype=np.int64)
        self._bad: Table = np.zeros((0, len(ids)), dtype=np.int64)
        self._folds = [StateFold(rules) for _ in ids]
        self._revised = np.zeros(len(ids), dtype=np.bool_)

    @property
    def newest(self) -> int | None:
        """The newest second that was measured."""
        return int(self._slots[-1]) if len(self._slots) else None

    @property
    def remembered(self) -> int:
        """How many seconds are."""
        return len(self._slots)

    @property
    def judged_at(self) -> int | None:
        """The newest second of which anything was judged."""
        some = np.flatnonzero(self._judged.any(axis=1))
        return int(self._slots[some[-1]]) if len(some) else None

    def put(self, first: int, last: int, slots: Slots, judged: Table, bad: Table) -> None:
        """What is known now of the seconds from `first` to `last`, both included: those of `slots`
        int64[n], ascending, were measured, and of each component (column) so many datapoints were
        judged and lost, int64[n, components]."""
        begin, end = np.searchsorted(self._slots, (first, last + 1))
        before = self._slots[begin:end], self._judged[begin:end], self._bad[begin:end]
        folded = self.newest
        if folded is not None:
            self._compare(before, slots, judged, bad, folded)
        self._slots = np.concatenate((self._slots[:begin], slots, self._slots[end:]))
        self._judged = np.concatenate((self._judged[:begin], judged, self._judged[end:]))
        self._bad = np.concatenate((self._bad[:begin], bad, self._bad[end:]))
        for column, fold in enumerate(self._folds):
            if not self._revised[column]:
                self._fold_on(fold, column)
        if len(self._slots) > KEPT + _SLACK:
            self._slots = self._slots[-KEPT:]
            self._judged = self._judged[-KEPT:]
            self._bad = self._bad[-KEPT:]

    def fold_revised(self) -> None:
        """Folds anew what late evidence has changed."""
        for column in np.flatnonzero(self._revised).tolist():
            self._folds[column] = StateFold(self._rules)
            self._fold_on(self._folds[column], column)
        self._revised[:] = False

    def states(self) -> dict[str, Live]:
        """How each does after its newest second, by id."""
        return {
            name: Live(fold.status, None if fold.since is None else float(fold.since), judged_at)
            for name, fold, judged_at in zip(self.ids, self._folds, self._judged_until(), strict=True)
        }

    def _judged_until(self) -> list[float | None]:
        """The newest second of which anything was judged of each, within those that any start reads."""
        slots, some = self._slots[-KEPT:], self._judged[-KEPT:] > 0
        if not len(slots):
            return [None] * len(self.ids)
        found = [np.flatnonzero(column) for column in some.T]
        return [float(slots[places[-1]]) if len(places) else None for places in found]

    def _compare(
        self, before: tuple[Slots, Table, Table], slots: Slots, judged: Table, bad: Table, folded: int
    ) -> None:
        """Marks the components of which anything differs that was folded already."""
        count = int(np.searchsorted(slots, folded, side="right"))
        if not np.array_equal(before[0], slots[:count]):
            self._revised[:] = True
            return
        self._revised |= (before[1] != judged[:count]).any(axis=0)
        self._revised |= (before[2] != bad[:count]).any(axis=0)

    def _fold_on(self, fold: StateFold, column: int) -> None:
        begin = 0 if fold.second is None else int(np.searchsorted(self._slots, fold.second + 1))
        for slot, judged, bad in zip(
            self._slots[begin:].tolist(),
            self._judged[begin:, column].tolist(),
            self._bad[begin:, column].tolist(),
            strict=True,
        ):
            fold.step(slot, judged, bad)
