"""The nodes that get no traffic: their series are left out of what a service is judged by. Pure.

A slot is judged without the nodes that were out in it, also when late evidence revises it after they
came back, or after a restart.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from coalmine_aggregator.judge.cells import Mask, ServiceCells
from coalmine_aggregator.model.slot_cells import ABSENT, SlotCells

MOST_CHANGES = 500
"""Changes of who is out that are remembered, the newest; the first slot of each but the last lies
within a day, in which slots may still be revised."""

REMEMBERED_S = 24 * 3600

Nodes = frozenset[str]
NOBODY: Nodes = frozenset()

_Change = tuple[int, Nodes]


class Taken(NamedTuple):
    """A slot by the cells of a service, less the nodes that are `out`: of these nothing is expected.

    `fates` is uint8[cells], `received` bool[cells]. `expected` is another object whenever another set
    of cells is expected. `left_out` are the cells of which something would have been expected, None if
    there are none.
    """

    slot: int
    fates: NDArray[np.uint8]
    received: Mask
    expected: object
    out: Nodes = NOBODY
    left_out: Mask | None = None


class Withdrawn:
    """Of one service. It costs nothing while nobody is out."""

    def __init__(self, cells: ServiceCells, kept: str = "") -> None:
        """`kept` is what `drain` gave to an earlier run; anything else is nothing."""
        self._cells = cells
        self._changes: deque[_Change] = deque(_read(kept), maxlen=MOST_CHANGES)
        self._changed = False
        self._mask: tuple[Nodes, int, Mask] = (NOBODY, 0, np.zeros(0, dtype=np.bool_))
        self._expected: tuple[object, Nodes, object] = (None, NOBODY, None)

    @property
    def now(self) -> Nodes:
        """Who is out."""
        return self._changes[-1][1] if self._changes else NOBODY

    def tell(self, out: Nodes, slot: int) -> None:
        """From this slot on exactly these are out."""
        since = self._changes[-1][0] if self._changes else slot
        if out == self.now and since <= slot:
            return
        self._changed = True
        while self._changes and self._changes[-1][0] >= slot:  # undone at once, or time went back
            self._changes.pop()
        if out != self.now:
            self._changes.append((slot, out))
        while self._changes and self._changes[0][1] == NOBODY:
            self._changes.popleft()
        while len(self._changes) > 1 and self._changes[1][0] < slot - REMEMBERED_S:
            self._changes.popleft()

    def at(self, slot: int) -> Nodes:
        """Who was out in a slot."""
        return next((out for first, out in reversed(self._changes) if first <= slot), NOBODY)

    def take(self, slot: SlotCells) -> Taken:
        """A slot less those that were out in it."""
        fates, received = self._cells.take(slot.fates), self._cells.flags(slot.received)
        out = self.at(slot.slot) if self._changes else NOBODY
        if not out:
            return Taken(slot.slot, fates, received, slot.expected)
        mask = self._of(out)
        before, known, expected = self._expected
        if before is not slot.expected or known != out:
            expected = object()
            self._expected = slot.expected, out, expected
        left_out = mask & (fates != ABSENT)
        return Taken(
            slot.slot,
            np.where(mask, np.uint8(ABSENT), fates),
            received & ~mask,
            expected,
            out,
            left_out if left_out.any() else None,
        )

    def fates(self, slot: int, by_series: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The same of the fates of an open slot alone."""
        fates = self._cells.take(by_series)
        out = self.at(slot) if self._changes else NOBODY
        return np.where(self._of(out), np.uint8(ABSENT), fates) if out else fates

    def or_out(self, cells: Mask) -> Mask:
        """bool[cells]: those as well of the nodes that are out now: of these nothing new is told."""
        return cells | self._of(self.now) if self.now else cells

    def among(self, taken: Taken, members: Mask) -> tuple[str, ...]:
        """The nodes that are out of which `members` has cells, sorted; nobody unless they are all that
        is left of the members: nothing else of these is expected."""
        if taken.left_out is None:
            return ()
        width = min(len(members), len(taken.fates))
        mine = members[:width] & taken.left_out[:width]
        if not mine.any() or (members[:width] & (taken.fates[:width] != ABSENT)).any():
            return ()
        return tuple(node for node in sorted(taken.out) if (mine & self._only(node)[:width]).any())

    def drain(self) -> str | None:
        """JSON for the next run; None if nothing changed since the last call."""
        if not self._changed:
            return None
        self._changed = False
        return msgspec.json.encode([(slot, sorted(out)) for slot, out in self._changes]).decode()

    def _of(self, out: Nodes) -> Mask:
        known, count, mask = self._mask
        if known != out or count != len(self._cells):
            mask = self._cells.of("node", out)
            self._mask = out, len(self._cells), mask
        return mask

    def _only(self, node: str) -> Mask:
        return self._cells.of("node", (node,))


def _read(text: str) -> list[_Change]:
    try:
        found = msgspec.json.decode(text or "[]", type=list[tuple[int, list[str]]])
    except ValueError:
        return []
    return [(slot, frozenset(out)) for slot, out in sorted(found)]


def over_because(nodes: tuple[str, ...]) -> str:
    """Why a loss is over that did not recover."""
    told = nodes[0] if len(nodes) == 1 else f"{', '.join(nodes[:-1])} and {nodes[-1]}"
    verb = "was" if len(nodes) == 1 else "were"
    return f"over because {told} {verb} withdrawn, not because it recovered"
