"""Recorded minutes as slots by series, and whether anything in them may be about a node. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from coalmine_aggregator.ledger.series import AllSeries
from coalmine_aggregator.model.endings import ENDINGS, fate_of_ending
from coalmine_aggregator.model.fates import BAD, Fate
from coalmine_aggregator.model.slot_cells import ABSENT, SlotCells
from coalmine_aggregator.remediate.vantage_detector import least_bad
from coalmine_aggregator.store.recorded_series import RecordedMinute

FATE_OF: Final = np.array([fate_of_ending(each) for each in range(ENDINGS)], dtype=np.uint8)
"""uint8[ENDINGS]"""

IS_BAD: Final = np.isin(FATE_OF, np.array(BAD, dtype=np.uint8))
"""bool[ENDINGS]"""

LARGE_LOSS: Final = 4.0
LEAST_LOST: Final = 20
"""A minute may be part of a wide loss if at least so many datapoints are bad, and so many times what
is acceptable."""

_NO_ONE: Final = np.zeros(0, dtype=np.int32)

Mask = NDArray[np.bool_]
Ints = NDArray[np.int64]


class SlotsByRoster:
    """Minutes of one service as slots. `roster` gives who was expected, by number."""

    def __init__(self, series: AllSeries, roster: Callable[[int], Mask]) -> None:
        self._width = len(series)
        self._roster = roster
        self._expected: dict[int, object] = {}

    def slots(self, minute: RecordedMinute) -> Iterator[SlotCells]:
        """Every second that was seen, ascending."""
        others = minute.others
        edges = np.searchsorted(others.slot, np.append(minute.slot, minute.slot[-1:] + 1)).tolist()
        for index, slot in enumerate(minute.slot.tolist()):
            mine = slice(edges[index], edges[index + 1])
            roster = int(minute.roster[index])
            mask = self._roster(roster)[: self._width]
            fates: NDArray[np.uint8] = np.full(self._width, ABSENT, dtype=np.uint8)
            fates[: len(mask)][mask] = FATE_OF[minute.usual[index]]
            fates[others.number[mine]] = FATE_OF[others.ending[mine]]
            expected = self._expected.setdefault(roster, object())
            yield SlotCells(slot, fates, fates == Fate.DELIVERED, expected, _NO_ONE)


class Quiet:
    """Tells minutes in which no node can have failed, and no wide loss can have begun, from others.

    No vantage holds a node bad on fewer bad datapoints than `LeastBad` says, within two minutes, and no
    node has failed by fewer than `quorum` vantages.
    """

    def __init__(self, series: AllSeries, acceptable_loss: float, quorum: int) -> None:
        node, host = series.codes("node").astype(np.int64), series.codes("host")
        self._acceptable_loss, self._quorum = acceptable_loss, quorum
        nowhere = series.code_of("node", "")
        leads = np.flatnonzero(node != (-1 if nowhere is None else nowhere))
        pairs, index = np.unique(
            node[leads] * (len(series.values("host")) + 1) + host[leads], return_inverse=True
        )
        self._vantage_of: Ints = np.full(len(series), -1, dtype=np.int64)
        self._vantage_of[leads] = index
        self._node_of = pairs // (len(series.values("host")) + 1)
        self._vantages = len(pairs)
        self._least = least_bad(acceptable_loss)
        self._before: Ints = np.zeros(0, dtype=np.int64)  # the bad ones' series, of the minute before
        self._minute: int | None = None

    def busy(self, minute: RecordedMinute, expected: int) -> bool:
        """Whether a minute is to be looked at second by second; to be asked of each, in their order.
        `expected` is how many series are."""
        bad = minute.others.number[IS_BAD[minute.others.ending]]
        now = bad[self._vantage_of[bad] >= 0].astype(np.int64)
        follows = self._minute == minute.minute - 1
        both = np.concatenate([self._before, now]) if follows else now
        self._before, self._minute = now, minute.minute
        if IS_BAD[minute.usual].any():
            return True
        judged = expected * len(minute.slot)
        if len(bad) > max(LEAST_LOST, LARGE_LOSS * self._acceptable_loss * judged):
            return True
        series, times = np.unique(both, return_counts=True)
        sure = np.zeros(self._vantages, dtype=np.bool_)
        sure[self._vantage_of[series[times >= self._least.of_series]]] = True
        of_all = np.bincount(self._vantage_of[both], minlength=self._vantages)
        accused = self._node_of[sure | (of_all >= self._least.of_vantage)]
        return len(accused) >= self._quorum and bool(np.bincount(accused).max() >= self._quorum)
