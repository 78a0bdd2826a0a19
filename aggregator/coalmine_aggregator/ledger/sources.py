"""Receipt sources: which series come by which, and what a restart of a receiver leaves open. Pure.

From a restart of one of our receivers to its first receipt, 30 s at most, a datapoint that would have
come by it may have been missed. A series is touched if none of the sources that it has been seen on
was working; one that has not been seen yet is touched by any source's gap.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from coalmine_aggregator.ledger.growing import grown
from coalmine_wire.slots import SETTLE_S

RESTART_S = 30
"""A restarted source is waited for this long at most."""

MAX_GAPS = 256
"""Finished gaps kept for each source, the newest ones."""


class _Gap(NamedTuple):
    first: int
    last: int


class Sources:
    """The receipt sources, by number."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self.names = names
        self.receipts = [0] * len(names)
        self._waiting: list[float | None] = [None] * len(names)
        self._gaps: list[list[_Gap]] = [[] for _ in names]
        self._via: NDArray[np.uint8] = np.zeros((len(names), 1024), dtype=np.uint8)

    def grow(self, series: int) -> None:
        """Makes room for ids below `series`."""
        self._via = grown(self._via, series)

    def restarted(self, source: int, at: float) -> None:
        """Our receiver of `source` began anew at wall time `at`."""
        self._waiting[source] = at

    def gap(self, source: int, first: int, last: int) -> None:
        """Slots `first` to `last` of `source` could not be received."""
        self._gaps[source].append(_Gap(first, last))
        del self._gaps[source][:-MAX_GAPS]

    def heard(self, source: int, arrived: float, series: NDArray[np.int32]) -> None:
        """Receipts came by `source`, all of them of known series."""
        self.receipts[source] += len(series)
        self._via[source][series] = 1
        since = self._waiting[source]
        if since is not None and arrived >= since:
            self._waiting[source] = None
            until = min(arrived, since + RESTART_S)
            self.gap(source, _first_touched(since), math.floor(until))

    def touched(self, slot: int, series: int) -> NDArray[np.bool_] | None:
        """bool[series]: whose receipt window in `slot` touches a gap; None if nobody's does."""
        torn = [self._torn(source, slot) for source in range(len(self.names))]
        if not any(torn):
            return None
        working = [source for source, gap in enumerate(torn) if not gap]
        if not working:
            return np.ones(series, dtype=np.bool_)
        unseen: NDArray[np.bool_] = self._via[working, :series].max(axis=0) == 0
        return unseen

    def forget(self, settled_below: int) -> None:
        """Drops what only settled slots touch."""
        for source, gaps in enumerate(self._gaps):
            self._gaps[source] = [gap for gap in gaps if gap.last >= settled_below]

    def _torn(self, source: int, slot: int) -> bool:
        since = self._waiting[source]
        if since is not None and _first_touched(since) <= slot <= since + RESTART_S:
            return True
        return any(gap.first <= slot <= gap.last for gap in self._gaps[source])


def _first_touched(since: float) -> int:
    """The oldest slot whose receipts may come at `since` or later."""
    return math.floor(since) - SETTLE_S + 1
