"""The schedule under every kind of time: each slot's endpoints start or are missed, once, in order."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coalmine_agent.schedule import (
    CLOCK_STEP,
    HOLD_S,
    LOOP_LAG,
    MISSED_AFTER_S,
    SHUTDOWN,
    STEP_S,
    SUSPEND_S,
    SUSPENDED,
    Clocks,
    Schedule,
    Timetable,
)
from coalmine_wire.slots import DEADLINE_S

NOON = 1_763_640_000.0


@dataclass
class World:
    """Three clocks that a test moves, and all that a schedule said meanwhile."""

    wall: float = NOON + 0.5
    mono: float = 100.0
    boot: float = 100.0
    started: list[tuple[int, int, int]] = field(default_factory=list)  # revision, slot, endpoint
    missed: list[tuple[int, int, int]] = field(default_factory=list)
    reasons: set[str] = field(default_factory=set)
    jumps: list[str] = field(default_factory=list)

    @property
    def clocks(self) -> Clocks:
        return Clocks(self.mono, self.wall, self.boot)

    def pass_time(self, seconds: float, *, slew: float = 0.0) -> None:
        self.mono += seconds
        self.boot += seconds
        self.wall += seconds * (1 + slew)

    def set_clock(self, by_s: float) -> None:
        self.wall += by_s

    def sleep(self, seconds: float) -> None:
        self.boot += seconds
        self.wall += seconds

    def look(self, schedule: Schedule, sizes: dict[int, int]) -> None:
        step = schedule.step(self.clocks)
        for start in step.starts:
            assert 0.0 <= start.late_s <= MISSED_AFTER_S
            self.started += [(start.revision, start.slot, index) for index in start.endpoints]
        for missed in step.missed:
            self.missed += [(missed.revision, missed.slot, index) for index in missed.endpoints]
            self.reasons.add(missed.reason)
        for whole in step.missed_slots:
            assert whole.first <= whole.last
            self.reasons.add(whole.reason)
            self.missed += [
                (whole.revision, slot, index)
                for slot in range(whole.first, whole.last + 1)
                for index in range(sizes[whole.revision])
            ]
        if step.jump:
            self.jumps.append(step.jump)

    def walk(self, schedule: Schedule, sizes: dict[int, int], seconds: float) -> None:
        """Looks whenever something is due, as the runner does, for so long."""
        end = self.mono + seconds
        while self.mono < end:
            self.pass_time(min(max(schedule.due_mono() - self.mono, 0.001), end - self.mono))
            self.look(schedule, sizes)


def test_starts_each_endpoint_on_its_phase() -> None:
    world = World()
    schedule = Schedule(Timetable.of(1, [990, 0, 10, 10]), world.clocks)
    assert schedule.slot == NOON + 1
    assert schedule.due_mono() == pytest.approx(100.5)
    world.walk(schedule, {1: 4}, 2.45)
    slot = int(NOON)
    assert world.started == [
        (1, slot + 1, 1),
        (1, slot + 1, 2),
        (1, slot + 1, 3),
        (1, slot + 1, 0),
        (1, slot + 2, 1),
        (1, slot + 2, 2),
        (1, slot + 2, 3),
    ]
    assert not world.missed


def test_a_late_look_keeps_the_nominal_slot() -> None:
    world = World(wall=NOON + 0.9)
    schedule = Schedule(Timetable.of(1, [990]), world.clocks)
    world.pass_time(0.09 + 1.0 + 0.2)  # into the next slot
    world.look(schedule, {1: 1})
    assert world.started == [(1, int(NOON) + 1, 0)]


def test_what_is_too_late_is_missed_and_never_sent() -> None:
    world = World(wall=NOON + 0.9)
    schedule = Schedule(Timetable.of(1, [0, 500]), world.clocks)
    world.pass_time(0.1 + MISSED_AFTER_S + 0.01)
    world.look(schedule, {1: 2})
    assert world.missed == [(1, int(NOON) + 1, 0)]
    assert world.reasons == {LOOP_LAG}
    assert not world.started


def test_a_long_stall_misses_whole_slots_in_one_piece() -> None:
    world = World(wall=NOON)
    schedule = Schedule(Timetable.of(1, [0, 500]), world.clocks)
    world.pass_time(1_000_000.6)
    step = schedule.step(world.clocks)
    (whole,) = step.missed_slots
    assert (whole.first, whole.last) == (NOON + 1, NOON + 999_999)
    assert [missed.slot for missed in step.missed] == [NOON + 1_000_000]
    assert [start.slot for start in step.starts] == [NOON + 1_000_000]


def test_a_clock_set_forward_misses_the_slots_between() -> None:
    world = World(wall=NOON + 0.5)
    schedule = Schedule(Timetable.of(1, [0]), world.clocks)
    world.set_clock(5.0)
    world.look(schedule, {1: 1})
    assert world.jumps == [CLOCK_STEP]
    assert world.reasons == {CLOCK_STEP}
    assert [slot for _, slot, _ in world.missed] == [NOON + 1 + i for i in range(5)]


def test_a_clock_set_back_a_little_is_waited_for() -> None:
    world = World(wall=NOON + 0.5)
    schedule = Schedule(Timetable.of(1, [0]), world.clocks)
    world.walk(schedule, {1: 1}, 2.0)
    world.set_clock(-3.0)
    world.walk(schedule, {1: 1}, 4.0)
    assert world.jumps == [CLOCK_STEP]
    assert [slot for _, slot, _ in world.started] == [NOON + 1, NOON + 2, NOON + 3]
    assert not world.missed


def test_a_clock_set_back_far_begins_anew() -> None:
    world = World(wall=NOON + 0.5)
    schedule = Schedule(Timetable.of(1, [0]), world.clocks)
    world.walk(schedule, {1: 1}, 1.0)
    world.set_clock(-3600.0)
    world.look(schedule, {1: 1})
    world.walk(schedule, {1: 1}, 2.0)
    assert world.jumps == [CLOCK_STEP]
    assert [slot for _, slot, _ in world.started] == [NOON + 1, NOON - 3598, NOON - 3597]


@pytest.mark.parametrize("phase_ms", [0, 500, 990])
def test_no_clock_set_back_silences_it_for_so_long_that_it_is_taken_for_dead(phase_ms: int) -> None:
    """An agent is missing after 10 s, and systemd's watchdog waits for 10 s; what a slot tells may come
    a second after its start."""
    for tenths in range(2, 150):
        world = World(wall=NOON + 0.5)
        schedule = Schedule(Timetable.of(1, [phase_ms]), world.clocks)
        world.walk(schedule, {1: 1}, 2.45)
        slot = world.started[-1][1]
        before = 100.0 + slot - (NOON + 0.5) + phase_ms / 1000
        world.set_clock(-tenths / 10)
        told = len(world.started)
        while len(world.started) == told:
            world.walk(schedule, {1: 1}, 0.05)
        assert world.mono - before + DEADLINE_S < 9, tenths


def test_a_suspended_machine_says_so() -> None:
    world = World(wall=NOON + 0.5)
    schedule = Schedule(Timetable.of(1, [0]), world.clocks)
    world.walk(schedule, {1: 1}, 1.0)
    world.sleep(10.0)
    world.look(schedule, {1: 1})
    world.walk(schedule, {1: 1}, 1.0)
    assert world.jumps == [SUSPENDED]
    assert world.reasons == {SUSPENDED}
    assert [slot for _, slot, _ in world.missed] == [NOON + 2 + i for i in range(10)]
    assert [slot for _, slot, _ in world.started] == [NOON + 1, NOON + 12]


def test_a_slewed_clock_is_followed() -> None:
    world = World(wall=NOON + 0.5)
    schedule = Schedule(Timetable.of(1, [0]), world.clocks)
    for _ in range(10_000):
        world.pass_time(0.01, slew=0.0005)
        world.look(schedule, {1: 1})
    assert not world.jumps
    assert not world.missed
    assert len(world.started) == 100


def test_a_new_timetable_takes_over_at_its_slot() -> None:
    world = World(wall=NOON + 0.5)
    schedule = Schedule(Timetable.of(1, [0, 900]), world.clocks)
    world.walk(schedule, {1: 2}, 0.7)  # between the two starts of a slot
    first = schedule.replace(Timetable.of(2, [300]))
    world.walk(schedule, {1: 2, 2: 1}, 2.2)
    assert first == NOON + 2
    assert world.started == [
        (1, NOON + 1, 0),
        (1, NOON + 1, 1),
        (2, NOON + 2, 0),
        (2, NOON + 3, 0),
    ]


def test_the_end_finishes_the_slot_under_way_but_for_what_starts_too_late() -> None:
    world = World(wall=NOON + 0.5)
    schedule = Schedule(Timetable.of(1, [0, 300, 900]), world.clocks)
    world.walk(schedule, {1: 3}, 0.6)
    missed = schedule.end(world.wall + 0.4)
    assert [(m.slot, m.endpoints, m.reason) for m in missed] == [(NOON + 1, (2,), SHUTDOWN)]
    assert schedule.last == NOON + 1
    world.walk(schedule, {1: 3}, 3.0)
    assert world.started == [(1, NOON + 1, 0), (1, NOON + 1, 1)]
    assert schedule.ended
    assert schedule.due_mono() == math.inf


def test_the_end_between_slots_starts_nothing() -> None:
    world = World(wall=NOON + 0.5)
    schedule = Schedule(Timetable.of(1, [100]), world.clocks)
    world.walk(schedule, {1: 1}, 0.8)
    assert schedule.end(world.wall + 0.4) == []
    assert schedule.last == NOON + 1
    assert schedule.ended


def test_without_endpoints_time_goes_by() -> None:
    world = World(wall=NOON + 0.5)
    schedule = Schedule(Timetable.of(1, []), world.clocks)
    world.walk(schedule, {1: 0}, 2.0)
    assert schedule.slot == NOON + 3
    world.sleep(100.0)
    world.look(schedule, {1: 0})
    assert not world.started
    assert not world.missed


_EVENTS = st.one_of(
    st.tuples(st.just("pass"), st.floats(0.0005, 3.0)),
    st.tuples(st.just("pass"), st.floats(0.0005, 0.02)),
    st.tuples(st.just("forward"), st.floats(STEP_S * 1.1, 100.0)),
    st.tuples(st.just("back"), st.floats(STEP_S * 1.1, HOLD_S / 2)),
    st.tuples(st.just("sleep"), st.floats(SUSPEND_S * 1.1, 100.0)),
    st.tuples(st.just("nudge"), st.floats(-STEP_S * 0.9, STEP_S * 0.9)),
    st.tuples(st.just("reload"), st.floats(1, 4)),
)


# Whatever the clocks do, short of being set back further than the schedule waits: every endpoint of
# every slot from the first to the last is started or missed, exactly once, and slots never go back.
@settings(max_examples=300, deadline=None)
@given(
    phases=st.lists(st.integers(0, 99).map(lambda n: n * 10), min_size=1, max_size=6),
    events=st.lists(_EVENTS, max_size=40),
)
def test_every_slot_is_accounted_for_once(phases: list[int], events: list[tuple[str, float]]) -> None:
    world = World()
    schedule = Schedule(Timetable.of(1, phases), world.clocks)
    first = schedule.slot
    sizes = {1: len(phases)}
    begins = {first: 1}  # slot to revision
    behind_s = 0.0
    for what, amount in events:
        if what == "pass":
            world.pass_time(amount)
            behind_s = max(behind_s - amount, 0.0)
        elif what == "sleep":
            world.sleep(amount)
            behind_s = max(behind_s - amount, 0.0)
        elif what == "forward":
            world.set_clock(amount)
            behind_s = max(behind_s - amount, 0.0)
        elif what == "reload":
            revision = len(sizes) + 1
            sizes[revision] = int(amount)
            slot = schedule.replace(Timetable.of(revision, [i * 250 for i in range(int(amount))]))
            begins[slot] = revision
        elif behind_s + abs(amount) < HOLD_S - 1:
            world.set_clock(-amount if what == "back" else amount)
            behind_s += abs(amount)
        world.look(schedule, sizes)
    for missed in schedule.end(math.inf):
        world.missed += [(missed.revision, missed.slot, index) for index in missed.endpoints]
    world.walk(schedule, sizes, 15.0)
    expected = []
    revision = 0
    for slot in range(first, schedule.last + 1):
        revision = max(revision, begins.get(slot, 0))
        expected += [(revision, slot, index) for index in range(sizes[revision])]
    assert sorted(world.started + world.missed) == sorted(expected)
    slots = [slot for _, slot, _ in world.started]
    assert slots == sorted(slots)
