"""When each endpoint starts: a pure function of the clocks' readings. Pure.

A slot is one UTC second and an endpoint's start in it is slot + phase. `Schedule.step` is told what
the clocks say and answers what to start now, what was missed, and whether a clock jumped:

- What is due and at most `MISSED_AFTER_S` late starts, under its nominal slot.
- What is later than that was missed: it is told, with a reason, and never sent.
- A slewed wall clock is followed. One that jumps by more than `STEP_S` is a `clock_step`; a machine
  that slept (the boot-time clock ran on, the monotonic one stood still) was `suspended`.
- Set forward, the slots in between are missed. Set back by at most `HOLD_S`, nothing starts until
  the clock has passed what was already sent, so that no slot is sent twice; set back further, the
  schedule begins anew at the clock's slot, since a silent agent would be worse than a repeated one.

Within one stretch of time each endpoint of each slot is started or missed, exactly once, in order.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

MISSED_AFTER_S = 0.25
"""A start that is later than this is missed. Stalls of a busy virtual machine stay below it."""

STEP_S = 0.1
"""A wall clock that moves by more against the boot-time clock, between two looks, was set."""

SUSPEND_S = 0.05
"""The boot-time clock gains more than this on the monotonic one only while the machine sleeps."""

HOLD_S = 6.0
"""How long the schedule waits for a clock that was set back. With up to two seconds since the last
start and one more until a slot is told, this is less than the 10 s after which an agent is missing, and
systemd's watchdog ends one that hangs."""

CLOCK_STEP = "clock_step"
SUSPENDED = "suspended"
LOOP_LAG = "loop_lag"
SHUTDOWN = "shutdown"


class Clocks(NamedTuple):
    """The three clocks, read at one moment, in seconds."""

    mono: float
    wall: float
    boot: float


class Cell(NamedTuple):
    """The endpoints (by index) that start together, `phase_s` after their slot began."""

    phase_s: float
    endpoints: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Timetable:
    """One revision's cells, in the order of their phases; there may be none."""

    revision: int
    cells: tuple[Cell, ...]

    @classmethod
    def of(cls, revision: int, phases_ms: Sequence[int]) -> Timetable:
        """The timetable of endpoints whose phases (milliseconds in [0, 1000)) are given by index."""
        together: dict[int, list[int]] = {}
        for index, phase_ms in enumerate(phases_ms):
            together.setdefault(phase_ms, []).append(index)
        return cls(
            revision, tuple(Cell(phase / 1000, tuple(together[phase])) for phase in sorted(together))
        )


class Start(NamedTuple):
    """Endpoints to start now, `late_s` after their nominal time."""

    revision: int
    slot: int
    endpoints: tuple[int, ...]
    late_s: float


class Missed(NamedTuple):
    """Endpoints that a slot will not see."""

    revision: int
    slot: int
    endpoints: tuple[int, ...]
    reason: str


class MissedSlots(NamedTuple):
    """Whole slots, `first` to `last`, that no endpoint of a revision will see."""

    revision: int
    first: int
    last: int
    reason: str


class Step(NamedTuple):
    """What follows from one look at the clocks. `jump` is `clock_step`, `suspended` or empty."""

    starts: Sequence[Start] = ()
    missed: Sequence[Missed] = ()
    missed_slots: Sequence[MissedSlots] = ()
    jump: str = ""


class Schedule:
    """A cursor over (slot, cell): everything before it was started or missed."""

    def __init__(self, timetable: Timetable, clocks: Clocks) -> None:
        self._timetable = timetable
        self._next: tuple[int, Timetable] | None = None
        self._last: int | None = None
        self._cells_left = 0  # of the last slot, once it is known
        self._seen = clocks
        self.slot = math.floor(clocks.wall) + 1
        """The slot of the next start; at first, the first slot."""
        self._cell = 0

    @property
    def timetable(self) -> Timetable:
        """The one of the slot at the cursor."""
        return self._timetable

    @property
    def ended(self) -> bool:
        """Whether nothing will start any more."""
        if self._last is None:
            return False
        return self.slot > self._last or self._cell >= self._cells_left

    def due_mono(self) -> float:
        """When, on the monotonic clock, the next cell is due; infinity if never."""
        if self._last is not None and self.ended:
            return math.inf
        cells = self._timetable.cells
        phase_s = cells[self._cell].phase_s if cells else 0.0
        return self.slot + phase_s - (self._seen.wall - self._seen.mono)

    def replace(self, timetable: Timetable) -> int:
        """Takes `timetable` from the returned slot on, the first that no start was made for."""
        first = self.slot + 1
        self._next = (first, timetable)
        return first

    def end(self, start_until_wall: float) -> list[Missed]:
        """Ends after the slot that is under way; its cells due later than that are missed."""
        self._next = None
        if self._cell == 0:
            self._last, self._cells_left = self.slot - 1, 0
            return []
        cells = self._timetable.cells
        left = self._cell
        while left < len(cells) and self.slot + cells[left].phase_s <= start_until_wall:
            left += 1
        self._last, self._cells_left = self.slot, left
        revision = self._timetable.revision
        return [Missed(revision, self.slot, cell.endpoints, SHUTDOWN) for cell in cells[left:]]

    @property
    def last(self) -> int:
        """The last slot that was begun, or will be after `end`."""
        if self._last is not None:
            return self._last
        return self.slot if self._cell else self.slot - 1

    def step(self, clocks: Clocks) -> Step:
        """Advances to what the clocks say."""
        seen, self._seen = self._seen, clocks
        jump = _jump(seen, clocks)
        missed: list[Missed] = []
        whole: list[MissedSlots] = []
        wall = clocks.wall
        reason = jump or LOOP_LAG
        if jump and self.slot - wall > HOLD_S and self._last is None:
            self._begin_anew(math.floor(wall) + 1, missed)
        starts: list[Start] = []
        while self._last is None or not self.ended:
            cells = self._timetable.cells
            cell = cells[self._cell] if cells else _NOBODY
            late_s = wall - (self.slot + cell.phase_s)
            if late_s < 0.0:
                break
            if late_s <= MISSED_AFTER_S:
                starts.append(Start(self._timetable.revision, self.slot, cell.endpoints, late_s))
            elif self._pass_whole_slots(wall, reason, whole):
                continue
            else:
                missed.append(Missed(self._timetable.revision, self.slot, cell.endpoints, reason))
            self._cell += 1
            if self._cell >= len(cells):
                self._enter(self.slot + 1)
        return Step(starts, missed, whole, jump)

    def _enter(self, slot: int) -> None:
        self.slot, self._cell = slot, 0
        if self._next is not None and slot >= self._next[0]:
            self._timetable, self._next = self._next[1], None

    def _pass_whole_slots(self, wall: float, reason: str, whole: list[MissedSlots]) -> bool:
        """Skips the slots of which every cell was missed, in one go however many they are."""
        cells = self._timetable.cells
        if self._cell or self._last is not None:
            return False
        last_phase_s = cells[-1].phase_s if cells else 0.0
        last = math.ceil(wall - MISSED_AFTER_S - last_phase_s) - 1  # slot + phase < wall - limit
        if self._next is not None:
            last = min(last, self._next[0] - 1)
        if last < self.slot:
            return False
        if cells:
            whole.append(MissedSlots(self._timetable.revision, self.slot, last, reason))
        self._enter(last + 1)
        return True

    def _begin_anew(self, slot: int, missed: list[Missed]) -> None:
        revision = self._timetable.revision
        if self._cell:
            missed.extend(
                Missed(revision, self.slot, cell.endpoints, CLOCK_STEP)
                for cell in self._timetable.cells[self._cell :]
            )
        if self._next is not None:
            self._timetable, self._next = self._next[1], None
        self.slot, self._cell = slot, 0


_NOBODY = Cell(0.0, ())


def _jump(before: Clocks, now: Clocks) -> str:
    """What happened to the clocks between two looks."""
    if abs((now.wall - now.boot) - (before.wall - before.boot)) > STEP_S:
        return CLOCK_STEP
    if (now.boot - now.mono) - (before.boot - before.mono) > SUSPEND_S:
        return SUSPENDED
    return ""
