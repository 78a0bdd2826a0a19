"""Recorded counts as slots that a judge takes. Pure.

History is kept by leaf, without hosts and nodes. A leaf of which five datapoints were expected becomes
five series that differ in nothing a scope could name, and which of them was lost is of no importance.
So everything is told as it was, but for scopes that name a host or a node: they become the narrowest
scope that can be told without.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from coalmine_aggregator.ledger.series import AllSeries, Codes
from coalmine_aggregator.model.fates import FATES, Fate
from coalmine_aggregator.model.scopes import Leaf
from coalmine_aggregator.model.slot_cells import ABSENT, SlotCells
from coalmine_aggregator.model.slot_counts import SlotCounts
from coalmine_wire.protocols import Protocol
from coalmine_wire.series import Location, Series

_NO_ONE = np.zeros(0, dtype=np.int32)
_FATES = np.arange(FATES, dtype=np.uint8)


class LeafMembers(AllSeries):
    """The series that recorded leaves stand for. Their hosts number them and are no labels."""

    def codes(self, label: str) -> Codes:
        """int32[len(self)]: as of `AllSeries`; nobody has a host or a node."""
        if label in ("host", "node"):
            return np.zeros(len(self), dtype=np.int32)
        return super().codes(label)

    def values(self, label: str) -> list[str]:
        """The values of `label`, by number."""
        return [""] if label in ("host", "node") else super().values(label)


class Recorded:
    """Turns counts into cells. Slots are to be given in order."""

    def __init__(self) -> None:
        self.series = LeafMembers()
        self._members: dict[Leaf, list[int]] = {}
        self._key: tuple[tuple[Leaf, ...], bytes] | None = None
        self._ids: NDArray[np.int64] = np.zeros(0, dtype=np.int64)
        self._expected = object()

    def cells(self, counts: SlotCounts) -> SlotCells:
        """One slot by series."""
        sizes = counts.fates.sum(axis=1)
        key = (counts.leaves, sizes.tobytes())
        if self._key is None or key[0] is not self._key[0] or key[1] != self._key[1]:
            self._place(counts.leaves, sizes.tolist())
            self._key = key
        fates: NDArray[np.uint8] = np.full(len(self.series), ABSENT, dtype=np.uint8)
        fates[self._ids] = np.repeat(np.tile(_FATES, len(sizes)), counts.fates.ravel())
        # What arrived and did not count is not known by series; only a cause would be told from it.
        received = fates == Fate.DELIVERED
        return SlotCells(counts.slot, fates, received, self._expected, _NO_ONE)

    def _place(self, leaves: Sequence[Leaf], sizes: Sequence[int]) -> None:
        """Finds the series of so many members of leaves."""
        found: list[int] = []
        for leaf, size in zip(leaves, sizes, strict=True):
            self._reach(leaf, size)
            found += self._members[leaf][:size]
        self._ids = np.array(found, dtype=np.int64)
        self._expected = object()

    def _reach(self, leaf: Leaf, size: int) -> None:
        """Has as many members of a leaf as were ever expected in one slot."""
        members = self._members.setdefault(leaf, [])
        while len(members) < size:
            series = Series(
                service=leaf.service,
                protocol=Protocol(leaf.protocol),
                variant=leaf.variant,
                location=Location(leaf.location),
                region=leaf.region,
                zone=leaf.zone,
                host=f"{len(members) + 1}",
                node="",
            )
            members.append(self.series.add(series, control=False))
