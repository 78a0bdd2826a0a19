"""Certificates that end soon, as agents saw them, one finding for all that see the same. Pure.

Of each series the soonest end is held that was told lately: behind a balancer one machine of three may
have been left out when the certificate was renewed, and its turn comes every few seconds.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from coalmine_aggregator.model.scopes import Leaf, Scope, scope_of

DAY_S: Final = 86_400

RENEWED_S: Final = 600
"""A sooner end that was not told for so long while a later one was is of a certificate that is gone."""

STALE_S: Final = DAY_S
"""What an agent told so long ago, and not since, is held against nobody any more."""

MOST: Final = 50
"""Findings at once, the soonest ends first."""

MAX_SERIES: Final = 1 << 21
"""No id is as large: the ledger gives out half as many."""

_LATEST = 253_402_300_799  # the end of the year 9999
_END_BITS = 38  # they hold it

Ids = NDArray[np.int32]


class Expiring(NamedTuple):
    """Certificates of one service and protocol (and variant) that end on one day, UTC.

    `handle` is the same for as long as it lasts. `ends_at` is the soonest end, seconds since the epoch;
    `days_left` until then is negative once it has passed. `series` counts who sees them.
    """

    service: str
    scope: Scope
    handle: str
    ends_at: int
    days_left: float
    series: int


class _Kind(NamedTuple):
    service: str
    protocol: str
    variant: str


class Certificates:
    """Ends by series id: eight bytes each, and eight for when it was told."""

    def __init__(self) -> None:
        self._ends = np.zeros(0, dtype=np.int64)  # 0: none was seen
        self._told = np.zeros(0, dtype=np.int64)
        self._kinds: list[_Kind] = []
        self._numbers: dict[_Kind, int] = {}
        self._kind_of: list[int] = []  # of each leaf; -1 for those of our own

    def tell(self, ends: Iterable[tuple[int, int]], slot: int) -> None:
        """What a report of `slot` says: pairs of a series and the end of the certificate it showed.

        Ends that are no time of this world are left out. Raises ValueError for an id that is none.
        """
        for series, end in ends:  # a handful in a report: a loop is faster than arrays
            if not 0 < end <= _LATEST:
                continue
            if not 0 <= series < MAX_SERIES:
                raise ValueError(f"a series with the id {series}")
            if series >= len(self._ends):
                self._reach(series + 1)
            held, told = self._ends[series], self._told[series]
            if not held or end <= held or slot - told > RENEWED_S:
                self._ends[series] = end
                self._told[series] = max(told, slot)

    def forget(self, series: Ids) -> None:
        """These series are no longer expected."""
        self._ends[series[series < len(self._ends)]] = 0

    def expiring(
        self, slot: int, days: float, leaf: NDArray[np.int32], leaves: Sequence[Leaf]
    ) -> list[Expiring]:
        """What ends less than `days` after `slot`, the soonest first. It takes 10 ms for
        600,000 series, and nothing of it changes within seconds: once a minute will do.

        leaf[id] is the number in `leaves` of each series' leaf; more leaves may be added from call to
        call. Services of our own (`_control`) and series without a leaf are left out.
        """
        self._sort(leaves)
        count = min(len(leaf), len(self._ends))
        ends, told = self._ends[:count], self._told[:count]
        soon = np.flatnonzero((ends > 0) & (ends - slot < days * DAY_S) & (told >= slot - STALE_S))
        soon = soon[(leaf[soon] >= 0) & (leaf[soon] < len(self._kind_of))]
        kind = np.array(self._kind_of, dtype=np.int64)[leaf[soon]]
        both = kind[kind >= 0] << _END_BITS | ends[soon][kind >= 0]
        pairs, counts = np.unique(both, return_counts=True)
        found: dict[tuple[int, int], tuple[int, int]] = {}
        for pair, series in zip(pairs.tolist(), counts.tolist(), strict=True):
            number, end = pair >> _END_BITS, pair & ((1 << _END_BITS) - 1)
            soonest, before = found.get((number, end // DAY_S), (end, 0))
            found[number, end // DAY_S] = min(end, soonest), before + series
        expiring = [
            self._expiring(slot, self._kinds[number], end, series)
            for (number, _), (end, series) in found.items()
        ]
        return sorted(expiring, key=lambda each: (each.ends_at, each.service, each.handle))[:MOST]

    @staticmethod
    def _expiring(slot: int, kind: _Kind, end: int, series: int) -> Expiring:
        name = f"{kind.protocol}-{kind.variant}" if kind.variant else kind.protocol
        labels = {"protocol": kind.protocol} | ({"variant": kind.variant} if kind.variant else {})
        day = datetime.datetime.fromtimestamp(end, datetime.UTC).date().isoformat()
        scope, handle = scope_of(labels), f"{name}/{day}"
        return Expiring(kind.service, scope, handle, end, (end - slot) / DAY_S, series)

    def _sort(self, leaves: Sequence[Leaf]) -> None:
        """Finds the kinds of leaves that are new."""
        for leaf in leaves[len(self._kind_of) :]:
            kind = _Kind(leaf.service, leaf.protocol, leaf.variant)
            if leaf.service.startswith("_"):
                self._kind_of.append(-1)
                continue
            number = self._numbers.setdefault(kind, len(self._kinds))
            if number == len(self._kinds):
                self._kinds.append(kind)
            self._kind_of.append(number)

    def _reach(self, size: int) -> None:
        if size > len(self._ends):
            more = np.zeros(max(size, 2 * len(self._ends)) - len(self._ends), dtype=np.int64)
            self._ends = np.concatenate((self._ends, more))
            self._told = np.concatenate((self._told, more))
