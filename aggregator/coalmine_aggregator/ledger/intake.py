"""Receipts in: columns of (series, slot) to evidence. The hot path. Pure."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
from numpy.typing import NDArray

from coalmine_aggregator.ledger.book import AHEAD_S, Book
from coalmine_aggregator.ledger.clocks import Clocks
from coalmine_aggregator.ledger.evidence import CLOCK, LATE
from coalmine_aggregator.ledger.sources import Sources
from coalmine_aggregator.model.receipts import Receipts
from coalmine_wire.slots import CLOCK_AHEAD_S, CLOCK_TOLERANCE_S, REVISABLE_S, SETTLE_S

_Slots = NDArray[np.int64]
_Ids = NDArray[np.int32]


class Intake:
    """Takes receipts. A receipt is in time if it arrives before its slot + 3 s, whenever it is read."""

    def __init__(self, book: Book, sources: Sources, clocks: Clocks, oddities: Counter[str]) -> None:
        self._book = book
        self._sources = sources
        self._clocks = clocks
        self._oddities = oddities
        self.series = 0
        """Ids below this are known."""

    def take(self, receipts: Receipts) -> None:
        """No Python object per datapoint unless it is late, ahead or unknown."""
        ids, slots, arrived = receipts.series, receipts.slots, receipts.arrived
        if not len(ids):
            return
        if int(ids.min()) < 0 or int(ids.max()) >= self.series:
            known = (ids >= 0) & (ids < self.series)
            self._oddities["unknown_series"] += len(ids) - int(known.sum())
            ids, slots = ids[known], slots[known]
            if not len(ids):
                return
        self._sources.heard(receipts.source, arrived, ids)
        self._book.reach(math.floor(arrived) + AHEAD_S)
        self._clocks.receipts(ids, slots, arrived)
        if int(slots.max()) > arrived + CLOCK_TOLERANCE_S:
            ids, slots = self._ahead(ids, slots, arrived)
        if len(slots) and int(slots.max()) > self._book.ring.high:  # settling is far behind
            fit = slots <= self._book.ring.high
            self._oddities["overrun"] += len(slots) - int(fit.sum())
            ids, slots = ids[fit], slots[fit]
        in_time = math.floor(arrived - SETTLE_S) + 1
        if len(slots) and int(slots.min()) < in_time:
            late = slots < in_time
            self._late(ids[late], slots[late], arrived)
            ids, slots = ids[~late], slots[~late]
        self._book.receive(slots, ids)

    def _ahead(self, ids: _Ids, slots: _Slots, arrived: float) -> tuple[_Ids, _Slots]:
        """Receipts ahead of their slot are counted; far ones flag their agents and go no further."""
        ahead = slots > arrived + CLOCK_TOLERANCE_S
        self._oddities["ahead"] += int(ahead.sum())
        far = slots >= arrived + CLOCK_AHEAD_S
        if far.any():
            self._clocks.ahead(ids[far], slots[far], arrived)
        return ids[~far], slots[~far]

    def _late(self, ids: _Ids, slots: _Slots, arrived: float) -> None:
        self._oddities["late_receipts"] += len(ids)
        oldest = math.floor(arrived) - REVISABLE_S
        recent = slots >= oldest
        self._oddities["ancient"] += len(ids) - int(recent.sum())
        ids, slots = ids[recent], slots[recent]
        order = np.argsort(slots, kind="stable")
        ids, slots = ids[order], slots[order]
        starts = np.flatnonzero(np.diff(slots, prepend=slots[:1] - 1))
        for first, last in zip(starts.tolist(), [*starts[1:].tolist(), len(slots)], strict=True):
            late = ids[first:last]
            codes = np.full(len(late), LATE, dtype=np.uint8)
            if self._clocks.any_off:  # late by its clock, then, and not by the service
                codes[self._clocks.off(self._clocks.seats_of(late))] |= np.uint8(CLOCK)
            self._book.merge(int(slots[first]), late, codes)
