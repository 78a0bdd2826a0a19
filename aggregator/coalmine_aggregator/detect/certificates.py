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


class Certificates:
    """Ends by series id: eight bytes each, and eight for when it was told."""

    def __init__(self) -> None:
        self._ends = np.zeros(0, dtype=np.int64)  # 0: none was seen
        self._told = np.zeros(0, dtype=np.int64)

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
        """What ends less than `days` after `slot`, the soonest first. It takes a few milliseconds for
        600,000 series, and nothing of it changes within seconds: once a minute will do.

        leaf[id] is the number in `leaves` of each series' leaf. Services of our own (`_control`) and
        series without a leaf are left out.
        """
        count = min(len(leaf), len(self._ends))
        ends, told = self._ends[:count], self._told[:count]
        soon = np.flatnonzero((ends > 0) & (ends - slot < days * DAY_S) & (told >= slot - STALE_S))
        both = leaf[soon].astype(np.int64) << _END_BITS | ends[soon]
        pairs, counts = np.unique(both, return_counts=True)
        found: dict[tuple[str, Scope, str], tuple[int, int]] = {}
        for pair, series in zip(pairs.tolist(), counts.tolist(), strict=True):
            number, end = pair >> _END_BITS, pair & ((1 << _END_BITS) - 1)
            if not 0 <= number < len(leaves) or leaves[number].service.startswith("_"):
                continue
            group = _group(leaves[number], end)
            soonest, before = found.get(group, (end, 0))
            found[group] = min(end, soonest), before + series
        told_ends = [
            Expiring(service, scope, handle, end, (end - slot) / DAY_S, series)
            for (service, scope, handle), (end, series) in found.items()
        ]
        return sorted(told_ends, key=lambda each: (each.ends_at, each.service, each.handle))[:MOST]

    def _reach(self, size: int) -> None:
        if size > len(self._ends):
            more = np.zeros(max(size, 2 * len(self._ends)) - len(self._ends), dtype=np.int64)
            self._ends = np.concatenate((self._ends, more))
            self._told = np.concatenate((self._told, more))


def _group(leaf: Leaf, end: int) -> tuple[str, Scope, str]:
    name = f"{leaf.protocol}-{leaf.variant}" if leaf.variant else leaf.protocol
    labels = {"protocol": leaf.protocol} | ({"variant": leaf.variant} if leaf.variant else {})
    day = datetime.datetime.fromtimestamp(end, datetime.UTC).date().isoformat()
    return leaf.service, scope_of(labels), f"{name}/{day}"
