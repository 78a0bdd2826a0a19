"""The book: where evidence is written, whichever slot it is for. Pure.

A slot is open, then settled and still in the ring, then only in the archive, then frozen. Evidence for
a settled slot marks it for revision.
"""

from __future__ import annotations

from collections import Counter

import numpy as np
from numpy.typing import NDArray

from coalmine_aggregator.ledger.archive import Archive, Evidence
from coalmine_aggregator.ledger.evidence import FAILED, ON_TIME, Bytes, merge_into
from coalmine_aggregator.ledger.ring import Ring

AHEAD_S = 2
"""Rows are held this far past the present, for agents whose clocks are a little ahead."""


class Book:
    """`next` is the first slot that is not settled; `dirty` are settled ones in the ring to be revised.

    Slots below `began` passed before this run: if they are not settled yet they are a gap, and final.
    """

    def __init__(
        self, ring: Ring, archive: Archive, first: int, began: int, oddities: Counter[str]
    ) -> None:
        self.ring = ring
        self.archive = archive
        self.next = first
        self.began = began
        self.dirty: set[int] = set()
        self.alarming = False
        """Whether a report said of an open slot that something went bad, since this was last unset."""
        self._oddities = oddities

    @property
    def open(self) -> int:
        """The first slot that takes evidence and is not settled."""
        return max(self.next, self.began)

    def reach(self, slot: int) -> None:
        """Holds rows up to `slot`, or as far as no open slot is dropped for it."""
        slot = min(slot, self.open + self.ring.depth - 1)
        if slot <= self.ring.high:
            return
        for leaving in [each for each in self.dirty if each <= slot - self.ring.depth]:
            self._hand_over(leaving)
        self.ring.reach(slot)

    def _hand_over(self, slot: int) -> None:
        """A slot leaves the ring before it was revised: the archive is given all that is known."""
        self.dirty.discard(slot)
        kept = self.archive.get(slot)
        if kept is not None:
            known = self.ring.known(slot, kept.expected.width)
            ids = np.flatnonzero(known).astype(np.int32)
            self.archive.add(slot, Evidence(ids, known[ids]))

    def say(self, slot: int, series: int, code: int) -> None:
        """What a report says of one datapoint."""
        if self.ring.holds(slot):
            if slot >= self.open:
                if self.ring.say(slot, series, code) and code >= FAILED:
                    self.alarming = True
                return
            if self.archive.get(slot) is not None:
                if self.ring.say(slot, series, code):
                    self.dirty.add(slot)
                return
        self.merge(slot, np.array([series], dtype=np.int32), code)

    def merge(self, slot: int, ids: NDArray[np.int32], codes: Bytes | int) -> None:
        """Evidence but for receipts in time of slots in the ring, which `receive` counts."""
        if slot > self.ring.high:
            self._oddities["reports_ahead"] += len(ids)
        elif slot >= self.open:
            merge_into(self.ring.row(slot), ids, codes)
        elif self.ring.holds(slot) and self.archive.get(slot) is not None:
            if merge_into(self.ring.row(slot), ids, codes):
                self.dirty.add(slot)
        else:
            every = np.broadcast_to(np.asarray(codes, dtype=np.uint8), ids.shape)
            self.archive.add(slot, Evidence(ids, every))

    def receive(self, slots: NDArray[np.int64], ids: NDArray[np.int32]) -> None:
        """Counts receipts in time, none of them of slots past the ring."""
        if len(slots) and int(slots.min()) < self.open:
            settled = slots < self.open
            for slot in np.unique(slots[settled]).tolist():
                self._receive_settled(slot, ids[slots == slot])
            slots, ids = slots[~settled], ids[~settled]
        self.ring.count(slots, ids)

    def _receive_settled(self, slot: int, ids: NDArray[np.int32]) -> None:
        if self.ring.holds(slot) and self.archive.get(slot) is not None:
            fresh = self.ring.receipts(slot, self.ring.capacity)[ids] == 0
            self._oddities["duplicates"] += len(ids) - len(np.unique(ids[fresh]))
            self.ring.count(np.full(len(ids), slot, dtype=np.int64), ids)
            if fresh.any():
                self.dirty.add(slot)
        else:
            self.merge(slot, ids, ON_TIME)
