"""The last slots of a service by cell, with every fate: what pages count from. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from coalmine_aggregator.model.counts import Counts
from coalmine_aggregator.model.fates import FATES

KEPT = 300
"""Slots, as long as causes are looked for."""

FEW = 12
MOST_CELLS = 2_000_000
"""Of many cells only so many slots are kept as hold `MOST_CELLS`, `FEW` at least: a loss of so many is
told within the first."""

_SOON_COUNTED = 16_384  # cells

Mask = NDArray[np.bool_]
Fates = NDArray[np.uint8]


class RecentSlot(NamedTuple):
    """One slot: the fates of all cells, what was received in time, and the counts of both. `lost` are
    the cells that were in the scope of a loss alert, None if there were none."""

    slot: int
    fates: Fates
    received: Mask
    whole: Counts
    lost: Mask | None = None


class Recent:
    """The newest `KEPT` settled slots, ascending."""

    def __init__(self) -> None:
        self._slots: deque[RecentSlot] = deque(maxlen=KEPT)

    def __iter__(self) -> Iterator[RecentSlot]:
        return iter(self._slots)

    @property
    def newest(self) -> RecentSlot | None:
        """The last slot that was added; None without one."""
        return self._slots[-1] if self._slots else None

    def add(self, slot: RecentSlot) -> None:
        """The next settled slot."""
        self._slots.append(slot)
        while len(self._slots) > FEW and len(self._slots) * len(slot.fates) > MOST_CELLS:
            self._slots.popleft()

    def clear(self) -> None:
        """Forgets everything."""
        self._slots.clear()

    def at(self, slot: int) -> RecentSlot | None:
        """A slot, if it is kept."""
        return next((each for each in reversed(self._slots) if each.slot == slot), None)

    def replace(self, slot: RecentSlot) -> None:
        """The same slot, told otherwise."""
        for index in range(len(self._slots) - 1, -1, -1):
            if self._slots[index].slot == slot.slot:
                self._slots[index] = slot
                return

    def since(self, first: int) -> Iterator[RecentSlot]:
        """The slots from `first` on."""
        return (each for each in self._slots if each.slot >= first)


def count(fates: Fates, received: Mask | None, inside: Mask | None) -> Counts:
    """The counts of the cells `inside`, or of all."""
    if inside is not None:
        inside = inside[: len(fates)]
        fates = fates[: len(inside)]
        received = None if received is None else received[: len(inside)] & inside
    arrived = 0 if received is None else int(np.count_nonzero(received))
    if len(fates) <= _SOON_COUNTED:
        chosen = fates if inside is None else fates[inside]
        return Counts(arrived, tuple(np.bincount(chosen, minlength=FATES)[:FATES].tolist()))
    if inside is not None:
        # `ABSENT` has all bits: so becomes what lies outside.
        fates = fates | np.subtract(inside.view(np.uint8), 1)
    # Of many, comparing bytes seven times over takes an eighth of the time that `bincount` does.
    return Counts(arrived, tuple(int(np.count_nonzero(fates == fate)) for fate in range(FATES)))
