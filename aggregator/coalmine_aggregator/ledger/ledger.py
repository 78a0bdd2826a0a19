"""The ledger: takes evidence of every expected datapoint and settles each slot. Pure.

For every slot and every group, expected = the sum of the fates, always: what was expected in a slot is
fixed when it settles, and a fate is a function of the evidence of one datapoint alone, so whatever
comes later moves a datapoint from one fate to another and never adds or drops one.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from coalmine_aggregator.ledger.archive import Archive
from coalmine_aggregator.ledger.book import AHEAD_S, Book
from coalmine_aggregator.ledger.clocks import Clocks
from coalmine_aggregator.ledger.evidence import CLOCK, GAP, ON_TIME, SKIPPED, Bytes, merge_into
from coalmine_aggregator.ledger.exceptions import (
    BlobWriter,
    Kept,
    exceptional,
    pack,
    read_all,
    unpack,
)
from coalmine_aggregator.ledger.fate_table import CERTAIN_OF, FATE_OF
from coalmine_aggregator.ledger.gaps import Gaps
from coalmine_aggregator.ledger.intake import Intake
from coalmine_aggregator.ledger.ring import DEPTH, Ring
from coalmine_aggregator.ledger.series import AllSeries
from coalmine_aggregator.ledger.settling import Settler, SlotTable
from coalmine_aggregator.ledger.sources import Sources
from coalmine_aggregator.ledger.unusual import NO_IDS, all_alike, same_endings, settled_slot
from coalmine_aggregator.ledger.windows import Expected, Mask, Windows
from coalmine_aggregator.model.fates import Fate
from coalmine_aggregator.model.receipts import Receipts
from coalmine_aggregator.model.settled_slot import SettledSlot
from coalmine_aggregator.model.slot_cells import ABSENT, OpenSlot, Revision, SlotCells
from coalmine_aggregator.model.slot_counts import SlotCounts
from coalmine_wire.series import Series
from coalmine_wire.slots import REVISABLE_S, SETTLE_S

KEPT_TABLES = 600
"""Settled slots whose counts by leaf are kept for reading."""

SETTLED_A_TICK = 32
BLANK_A_TICK = 4_096
REVISED_CELLS_A_TICK = 4_000_000
"""Bounds on the work of one tick; what is left over is the next tick's."""

REWIND_S = 10
"""If the time falls back by more, settling begins anew from there."""

Resting = Callable[[int], Iterable[NDArray[np.int32]]]
"""The series, by slot, whose agents announced that they would not take part."""


class Turn(NamedTuple):
    """What a tick did; `kept` are the blobs to be stored by slot. `cells` are the settled slots by
    series but for those that passed before this run, `revisions` all that late evidence changed.
    `slots` are for history: all that were settled, and all in which any series' ending was revised."""

    settled: list[SlotTable]
    revised: list[SlotTable]
    kept: list[tuple[int, bytes]]
    cells: list[SlotCells]
    revisions: list[Revision]
    slots: list[SettledSlot]


class Ledger:
    """The slots of one aggregator. `now` is wall time in seconds; it is given, never read."""

    def __init__(
        self, sources: Sequence[str], now: float, last_slot: int | None, depth: int = DEPTH
    ) -> None:
        """Begins after `last_slot`, what is between being a gap; or with the next second."""
        self.oddities: Counter[str] = Counter()
        self.series = AllSeries()
        self.windows = Windows()
        self.clocks = Clocks()
        self.sources = Sources(tuple(sources))
        self.tables: dict[int, SlotTable] = {}
        self._gaps = Gaps()
        first = began = math.floor(now) + 1
        if last_slot is not None and last_slot < began + REWIND_S:
            first = max(last_slot + 1, began - REVISABLE_S)
            self._gaps.add(first, began - 1, "down")
        self.ring = Ring(max(first, began), depth)
        self._archive = Archive(self.oddities)
        self.book = Book(self.ring, self._archive, first, began, self.oddities)
        self._settler = Settler(self.series)
        self._intake = Intake(self.book, self.sources, self.clocks, self.oddities)
        self._writer = BlobWriter(self.series.names, began)
        if last_slot is not None:  # whoever sent to the run before this one has to connect anew
            for source in range(len(sources)):
                self.sources.restarted(source, now)

    @property
    def next(self) -> int:
        """The first slot that is not settled."""
        return self.book.next

    def enrol(self, series: Series, control: bool, seat: int, phase_ms: int) -> int:
        """The id of a series that is sent from `seat`. Raises `SeriesFullError`."""
        known = len(self.series)
        number = self.series.add(series, control)
        if number == known or seat >= self.clocks.seats:
            self._grow(seat + 1)
        self.clocks.place(number, seat, phase_ms)
        return number

    def receive(self, receipts: Receipts) -> None:
        """Takes receipts."""
        self._intake.take(receipts)

    def gap(self, first: int, last: int, why: str) -> None:
        """Slots that we could not have received. Settled ones become unknown, too."""
        self._gaps.add(first, last, why)
        oldest = self.book.next - REVISABLE_S
        for slot in range(max(first, oldest), min(last, self.book.next - 1) + 1):
            kept = self._archive.get(slot)
            if kept is not None:
                ids = np.flatnonzero(kept.expected.mask()).astype(np.int32)
                self.book.merge(slot, ids, GAP)

    def tick(self, now: float, delay_s: float, resting: Resting) -> Turn:
        """Settles what is due at `now`, `delay_s` later than usual, and revises what was settled."""
        if math.floor(now) < self.book.next - REWIND_S:
            self._rewind(now)
        self.book.reach(math.floor(now) + AHEAD_S)
        turn = Turn([], [], [], [], [], [])
        self._revise(turn)
        blanks = 0
        while self.book.next + SETTLE_S + delay_s <= now:
            slot = self.book.next
            if slot < self.book.began:
                if (blanks := blanks + 1) > BLANK_A_TICK:
                    break
                mask, expected = self.windows.at(slot)
                table = self._settler.blank(slot, expected, mask)
                turn.slots.append(all_alike(slot, expected, table.usual))
            else:
                if len(turn.settled) - blanks >= SETTLED_A_TICK:
                    break
                table = self._settle(slot, now, resting, turn)
            turn.settled.append(table)
            self._keep_table(table)
            self.book.next = slot + 1
            self.book.reach(math.floor(now) + AHEAD_S)
        if turn.settled:
            self._forget()
        return turn

    def open_slots(self, now: float) -> list[OpenSlot]:
        """The slots that are not settled, ascending, once a report said that something in one of them
        went bad, until they are settled; else nothing. To be asked several times a second."""
        if not self.book.alarming:
            return []
        slots: list[OpenSlot] = []
        for slot in range(self.book.open, math.floor(now) + 1):
            if not self.ring.holds(slot):
                break
            mask, expected = self.windows.at(slot)
            fates = CERTAIN_OF[self.ring.known(slot, expected.width)]
            fates[~mask] = ABSENT
            slots.append(OpenSlot(slot, fates))
        if not any(_certainly_bad(each.fates) for each in slots):
            self.book.alarming = False
        return slots

    def restore(self, exceptions: Iterable[tuple[int, bytes]]) -> None:
        """Takes over what an earlier run kept. Called once, before anything is enrolled."""
        past = read_all(exceptions)
        if past is None:
            return
        self.oddities["exceptions_unreadable"] += past.unreadable
        for name in past.names:
            self.series.restore(name)
        self._grow(1)
        self._writer = BlobWriter(self.series.names, past.lineage)
        self._writer.keys(past.keys)
        for slot, kept in sorted(past.slots.items()):
            if slot >= self.book.next:
                continue
            self._archive.put(slot, kept)
            if slot >= self.book.began - KEPT_TABLES:
                known = unpack(kept)
                self._keep_table(self._settler.settle(slot, known, kept.expected))
                if self.ring.holds(slot):
                    self.ring.fill(slot, known)

    def recall(self, recent: Iterable[SlotCounts]) -> None:
        """Shows what earlier runs settled without evidence, the gaps before them. After `restore`."""
        for counts in recent:
            shown = self.book.began - KEPT_TABLES <= counts.slot < self.next
            if shown and counts.slot not in self.tables:
                self.tables[counts.slot] = self._settler.recalled(counts)
        self.tables = dict(sorted(self.tables.items()))

    def is_revisable(self, slot: int) -> bool:
        """Whether evidence for a settled slot still counts."""
        return self._archive.get(slot) is not None

    def expected_at(self, slot: int) -> NDArray[np.bool_] | None:
        """bool[n]: what a settled slot that is in the ring expected; None where it is not at hand."""
        kept = self._archive.get(slot) if self.ring.holds(slot) else None
        return None if kept is None else kept.expected.mask()

    def _grow(self, seats: int) -> None:
        count = len(self.series)
        for part in (self.windows, self.ring, self.sources):
            part.grow(count)
        self.clocks.grow(count, seats)
        self._intake.series = count

    def _settle(self, slot: int, now: float, resting: Resting, turn: Turn) -> SlotTable:
        mask, expected = self.windows.at(slot)
        count = expected.width
        row = self.ring.row(slot)[:count]
        if self.clocks.stepped():
            self.oddities["clock_steps"] += 1
            self._gaps.add(slot, math.floor(now), "clock")
        if self.clocks.judge():
            off = self.clocks.off(self.clocks.seat_of(count))
            row[off] |= np.uint8(CLOCK)
        self.clocks.turn()
        for ids in resting(slot):
            merge_into(row, ids, SKIPPED)
        if self._gaps.covers(slot):
            row |= np.uint8(GAP)
        else:
            touched = self.sources.touched(slot, count)
            if touched is not None:
                row[touched] |= np.uint8(GAP)
        receipts = self.ring.receipts(slot, count)
        twice = np.flatnonzero(receipts > 1).astype(np.int32)
        if twice.size:
            self.oddities["duplicates"] += int(receipts[twice].sum(dtype=np.int64)) - twice.size
        known = self.ring.known(slot, count)
        table = self._settler.settle(slot, known, expected, mask)
        turn.cells.append(_cells(slot, known, mask, expected, twice))
        exceptions = exceptional(known, mask)
        turn.slots.append(settled_slot(slot, known, expected, mask, exceptions, table.usual))
        self._keep(slot, pack(known, expected, exceptions), turn)
        self.oddities["stray"] += table.stray
        self.oddities["contradictory"] += table.contradictory
        return table

    def _revise(self, turn: Turn) -> None:
        """Settles slots anew whose evidence changed, as many as a tick may."""
        cells = REVISED_CELLS_A_TICK
        for slot in sorted(self.book.dirty):
            was = self._archive.get(slot)
            self.book.dirty.discard(slot)
            if was is None or not self.ring.holds(slot):
                continue
            known = self.ring.known(slot, was.expected.width)
            self._resettle(slot, was, known, turn)
            cells -= was.expected.width
            if cells < 0:
                return
        while cells > 0 and (waiting := self._archive.next_waiting()) is not None:
            slot, was, evidence = waiting
            known = unpack(was)
            mask = was.expected.mask()
            changed = False
            for ids, codes in evidence:
                inside = ids < was.expected.width
                ids, codes = ids[inside], codes[inside]
                expected = mask[ids]
                self.oddities["stray"] += len(ids) - int(expected.sum())
                changed |= merge_into(known, ids[expected], codes[expected])
            if changed:
                self._resettle(slot, was, known, turn)
            cells -= was.expected.width + 1_000

    def _resettle(self, slot: int, was: Kept, known: Bytes, turn: Turn) -> None:
        earlier, mask = unpack(was), was.expected.mask()
        before = self.tables.get(slot) or self._settler.settle(slot, earlier, was.expected)
        table = self._settler.settle(slot, known, was.expected)
        self.oddities["stray"] += table.stray - before.stray
        self.oddities["contradictory"] += table.contradictory - before.contradictory
        exceptions = exceptional(known, mask)
        self._keep(slot, pack(known, was.expected, exceptions), turn)
        if slot in self.tables:
            self.tables[slot] = table
        if not same_endings(earlier, known, mask):
            turn.slots.append(settled_slot(slot, known, was.expected, mask, exceptions, table.usual))
        if not np.array_equal(table.sums, before.sums):
            turn.revised.append(table)
            turn.revisions.append(
                Revision(
                    _cells(slot, earlier, mask, was.expected, NO_IDS),
                    _cells(slot, known, mask, was.expected, NO_IDS),
                )
            )

    def _keep(self, slot: int, what: Kept, turn: Turn) -> None:
        self._archive.put(slot, what)
        turn.kept.append((slot, self._writer.write(slot, what)))

    def _keep_table(self, table: SlotTable) -> None:
        self.tables[table.slot] = table
        while len(self.tables) > KEPT_TABLES:
            del self.tables[next(iter(self.tables))]

    def _forget(self) -> None:
        below = self.book.next
        self.windows.forget(below)
        self._gaps.forget(below)
        self.sources.forget(below)
        self._archive.forget(below)
        self._writer.forget(below - REVISABLE_S)

    def _rewind(self, now: float) -> None:
        """Our clock was set back far: what was settled lies in the future and is settled again."""
        self.oddities["clock_steps"] += 1
        self.book.next = self.book.began = math.floor(now) + 1
        self.windows.rewind(self.book.next)
        self.book.dirty.clear()
        self.ring.clear(self.book.next)
        self._archive.clear()
        self.tables.clear()
        self._gaps = Gaps()


def _cells(
    slot: int, known: Bytes, mask: Mask, expected: Expected, twice: NDArray[np.int32]
) -> SlotCells:
    fates = FATE_OF[known]
    fates[~mask] = ABSENT
    return SlotCells(slot, fates, ((known & np.uint8(ON_TIME)) != 0) & mask, expected, twice)


def _certainly_bad(fates: Bytes) -> bool:
    return bool(((fates == Fate.FAILED) | (fates == Fate.ABANDONED)).any())
