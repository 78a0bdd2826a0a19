"""The archive: settled slots that may still be revised, and the evidence waiting to do so. Pure."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from coalmine_aggregator.ledger.evidence import Bytes
from coalmine_aggregator.ledger.exceptions import Kept
from coalmine_wire.slots import REVISABLE_S

MAX_BYTES = 256 << 20
"""Bytes of exceptions; past them the oldest slots are frozen early."""

MAX_WAITING = 4_000_000
"""Pieces of evidence for archived slots that wait to be merged."""


class Evidence(NamedTuple):
    """`codes` (evidence bytes) for the series `ids`, of equal length."""

    ids: NDArray[np.int32]
    codes: Bytes


class Archive:
    """Every settled slot of the last 24 h, as far as the bounds allow."""

    def __init__(self, oddities: Counter[str]) -> None:
        self._slots: dict[int, Kept] = {}
        self._bytes = 0
        self._waiting: dict[int, list[Evidence]] = {}
        self._pieces = 0
        self._oddities = oddities

    def get(self, slot: int) -> Kept | None:
        """A settled slot, None where it is frozen."""
        return self._slots.get(slot)

    def put(self, slot: int, kept: Kept) -> None:
        """Keeps a slot in place of what was kept of it."""
        old = self._slots.get(slot)
        self._bytes += kept.size - (old.size if old else 0)
        self._slots[slot] = kept
        while self._bytes > MAX_BYTES:
            self._drop(next(iter(self._slots)))
            self._oddities["slots_frozen_early"] += 1

    def add(self, slot: int, evidence: Evidence) -> None:
        """Evidence for a settled slot. What comes for a frozen one, or beyond the bound, is counted."""
        pieces = len(evidence.ids)
        if slot not in self._slots:
            self._oddities["frozen"] += pieces
        elif self._pieces + pieces > MAX_WAITING:
            self._oddities["revisions_dropped"] += pieces
        else:
            self._waiting.setdefault(slot, []).append(evidence)
            self._pieces += pieces

    def next_waiting(self) -> tuple[int, Kept, list[Evidence]] | None:
        """Takes out a slot with evidence waiting for it; None if there is none."""
        while self._waiting:
            slot, evidence = self._waiting.popitem()
            self._pieces -= sum(len(piece.ids) for piece in evidence)
            kept = self._slots.get(slot)
            if kept is not None:
                return slot, kept, evidence
        return None

    def forget(self, settled_below: int) -> None:
        """Freezes what is older than 24 h."""
        while self._slots:
            oldest = next(iter(self._slots))
            if oldest >= settled_below - REVISABLE_S:
                break
            self._drop(oldest)

    def clear(self) -> None:
        """Forgets everything."""
        self._slots.clear()
        self._waiting.clear()
        self._bytes = self._pieces = 0

    def _drop(self, slot: int) -> None:
        self._bytes -= self._slots.pop(slot).size
        for piece in self._waiting.pop(slot, ()):
            self._pieces -= len(piece.ids)
            self._oddities["frozen"] += len(piece.ids)
