"""The send engine: starts attempts on slot and phase, ends them at the deadline, tells how they went.

`on_slot(revision, report)` is called once for every (revision, slot), on the loop's thread, when
the last attempt of the slot has ended; it must not block. Slots come in their order, but for those
that overlap. `on_bad(revision, report)` is told bad outcomes of a slot that goes on, ahead of that.

How it works: the `Schedule` says what starts when; an `Attempt` drives its sender; all sockets
share one `Reactor`; one timer serves the next start and the next deadline, which lie in a queue
since all attempts last equally long; a `Tally` gathers a slot's outcomes and what was wrong with
the agent itself in it.
"""

from __future__ import annotations

import asyncio
import gc
import math
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from coalmine_agent.attempt import ABANDONED, FAILED, SENT, SKIPPED, Attempt
from coalmine_agent.counters import Counters
from coalmine_agent.early import Early
from coalmine_agent.probing import Probing
from coalmine_agent.reactor import Reactor
from coalmine_agent.schedule import LOOP_LAG, Clocks, MissedSlots, Schedule, Timetable
from coalmine_agent.tally import OVERRUN, Tally
from coalmine_agent.target import Target
from coalmine_agent.withholding import Withholding
from coalmine_runtime import clock
from coalmine_runtime.clock import monotonic
from coalmine_runtime.logs import get_logger
from coalmine_wire.protocols import Protocol as Wire
from coalmine_wire.reports import Outcome, SlotReport
from coalmine_wire.slots import DEADLINE_S

if TYPE_CHECKING:
    from coalmine_agent.plan import EndpointPlan
    from coalmine_agent.resolver import Resolver
    from coalmine_wire.control import Choice

log = get_logger("agent")

LAG_S = 0.05
"""A loop that is held up longer makes the slots under way impaired: their times say nothing."""

OVERRUN_S = 0.01
"""A deadline that is served later makes its slot impaired."""

EARLY_S = 0.0006
"""A deadline this near is served at once: a timer that is armed for less than a millisecond spins."""

FINISH_STARTS_S = 0.4
"""How long `finish` still starts what is left of the slot under way."""

MISSED_TOLD = 600
"""Of missed slots in a row, the newest so many are told; silence says the same of older ones."""

_GC_THRESHOLD = 20_000  # attempts leave no cycles behind: few objects outlive them, and none by them
_MISSED_AT_ONCE = 8  # slots told in one wake-up
_BEAT_S = 0.05  # the longest sleep while attempts are under way, so that lag is seen

OnSlot = Callable[[int, SlotReport], None]


class Watch(Protocol):
    """Sees how punctual the runner is; for measurements."""

    def started(self, mono: float, late_s: float) -> None:
        """At `mono` an attempt started, `late_s` after its nominal time."""

    def expired(self, mono: float, over_s: float) -> None:
        """At `mono` an attempt was abandoned, `over_s` after its deadline, before it if negative."""


@dataclass(frozen=True, slots=True)
class _Set:
    """One revision: its endpoints, and the cell of its timetable that the null sink is probed with."""

    targets: tuple[Target, ...]
    probed_with: int  # index of an endpoint; -1 where there are none
    expiries: dict[int, int]
    withholding: Withholding | None


class Runner:
    """Sends one datapoint a slot to each endpoint. Made and used on one running loop."""

    def __init__(
        self,
        plans: Sequence[EndpointPlan],
        *,
        on_slot: OnSlot,
        resolver: Resolver,
        control: Choice | None = None,
        on_bad: OnSlot | None = None,
        watch: Watch | None = None,
    ) -> None:
        """`plans` is what the first revision, 1, sends to; outcomes number its endpoints from 0.

        With `control` the datapoints that it chooses are withheld, and told as sent.
        """
        self._loop = asyncio.get_running_loop()
        self._on_slot = on_slot
        self._on_bad = on_bad
        self._early = Early()
        self._resolver = resolver
        self._watch = watch
        self.revision = 1
        """That of the plans last given: 1 at first, one more with each `replace`."""
        self.counters = Counters()
        self._reactor = Reactor(self._loop, self._see_lag)
        self._sets: dict[int, _Set] = {}
        self._schedule: Schedule | None = None
        self._tallies: dict[tuple[int, int], Tally] = {}
        self._under_way: deque[Attempt] = deque()
        self._missed: deque[MissedSlots] = deque()
        self._first = self._prepare(plans, self.revision, control)
        udp = any(plan.protocol is Wire.UDP for plan in plans)
        self._probing = Probing(self._reactor, resolver, self._under_way, udp=udp, ended=self._probed)
        self._timer: asyncio.TimerHandle | None = None
        self._planned = math.inf
        self._told_lag = math.inf  # the wake-up whose lateness was told already
        self._idle: asyncio.Event | None = None
        self._finished = False

    def start(self) -> int:
        """Begins with the next slot, and returns it.

        What exists by now is left out of garbage collection.
        """
        if self._schedule is not None:
            raise RuntimeError("started already")
        gc.collect()
        gc.freeze()
        gc.set_threshold(_GC_THRESHOLD, 20, 100)
        clocks = _read_clocks()
        self._schedule = Schedule(self._first, clocks)
        self._arm(clocks.mono)
        return self._schedule.slot

    def replace(self, plans: Sequence[EndpointPlan], control: Choice | None = None) -> int:
        """Sends to `plans` from the returned slot on, as the next revision; no slot is missed."""
        if self._schedule is None:
            raise RuntimeError("not started")
        timetable = self._prepare(plans, self.revision + 1, control)
        self.revision += 1
        return self._schedule.replace(timetable)

    async def finish(self) -> int:
        """Lets the current slot end and returns it, the last one; takes at most 1.5 s."""
        schedule = self._schedule
        if schedule is None:
            self._close()
            raise RuntimeError("not started")
        self._idle = asyncio.Event()
        for missed in schedule.end(clock.wall() + FINISH_STARTS_S):
            self._skip(missed.revision, missed.slot, missed.endpoints, missed.reason)
        self._arm(monotonic())
        try:
            async with asyncio.timeout(FINISH_STARTS_S + DEADLINE_S + LAG_S):
                while not (schedule.ended and not self._tallies and not self._missed):
                    self._idle.clear()
                    await self._idle.wait()
        except TimeoutError:
            log.error("agent.finish.incomplete", slots=len(self._tallies))
        self._close()
        return schedule.last

    @property
    def finished(self) -> bool:
        """Whether `finish` is over."""
        return self._finished

    def expiries(self, revision: int) -> dict[int, int]:
        """Ends of the certificates that a revision's endpoints showed last: index to epoch seconds."""
        found = self._sets.get(revision)
        return dict(found.expiries) if found else {}

    def _close(self) -> None:
        self._finished = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for attempt in list(self._under_way):
            if attempt.verdict is None:
                attempt.expire()
        self._probing.close()
        self._reactor.close()

    def _prepare(
        self, plans: Sequence[EndpointPlan], revision: int, control: Choice | None
    ) -> Timetable:
        targets = tuple(Target(index, plan) for index, plan in enumerate(plans))
        timetable = Timetable.of(revision, [plan.phase_ms for plan in plans])
        cells = timetable.cells
        probed_with = cells[len(cells) // 2].endpoints[0] if cells else -1
        withholding = Withholding(control, plans) if control is not None else None
        self._sets[revision] = _Set(targets, probed_with, {}, withholding)
        needed = {key[0] for key in self._tallies} | {missed.revision for missed in self._missed}
        if self._schedule is not None:
            needed.add(self._schedule.timetable.revision)
        for old in set(self._sets) - needed - {revision}:
            del self._sets[old]
        return timetable

    # The timer.

    def _arm(self, now: float) -> None:
        schedule = self._schedule
        assert schedule is not None
        under_way = self._under_way
        while under_way and under_way[0].verdict is not None:
            under_way.popleft()
        due = min(schedule.due_mono(), now + 1.0)
        if under_way:
            due = min(due, under_way[0].deadline, now + _BEAT_S)
        if self._missed:
            due = now
        if self._timer is not None:
            self._timer.cancel()
        # The loop's clock counts whole milliseconds, rounded down: from there to the one after `due`.
        delay_ms = max(math.ceil(due * 1000) - math.floor(now * 1000), 1)
        self._planned = now + delay_ms / 1000
        self._timer = self._loop.call_later(delay_ms / 1000, self._wake)

    def _wake(self) -> None:
        self._timer = None
        try:
            self._turn()
        except Exception as error:
            log.exception("agent.runner.bug", error)
        self._arm(monotonic())

    def _turn(self) -> None:
        schedule = self._schedule
        assert schedule is not None
        woken = monotonic()
        lag_s = woken - self._planned
        counters = self.counters
        if lag_s > counters.lag_max_s:
            counters.lag_max_s = lag_s
        if self._under_way:
            self._expire()
        clocks = _read_clocks()
        step = schedule.step(clocks)
        if self._reactor.partings:
            self._reactor.partings.sweep(woken)
        for start in step.starts:
            if start.late_s > counters.late_max_s:
                counters.late_max_s = start.late_s
            self._start(start.revision, start.slot, start.endpoints, start.late_s)
        if step.missed:
            log.warning(
                "agent.start.missed",
                slot=step.missed[0].slot,
                endpoints=sum(len(missed.endpoints) for missed in step.missed),
                reason=step.missed[0].reason,
            )
        for missed in step.missed:
            self._skip(missed.revision, missed.slot, missed.endpoints, missed.reason)
        if step.missed_slots:
            self._miss(step.missed_slots)
        if step.jump:
            self._jumped(step.jump, clocks)
        if lag_s > LAG_S:
            self._impair(LOOP_LAG)  # those, too, that have just begun late
        if self._missed:
            self._tell_missed()
        if self._idle is not None:
            self._idle.set()

    def _see_lag(self) -> None:
        """Impairs the slots under way if the loop was held up, before anything of theirs is judged."""
        if self._told_lag == self._planned:
            return
        lag_s = monotonic() - self._planned
        if lag_s > LAG_S and self._tallies:
            self._told_lag = self._planned
            log.warning("agent.loop.lag", lag_ms=round(lag_s * 1000), slots=len(self._tallies))
            self._impair(LOOP_LAG)

    def _impair(self, reason: str) -> None:
        for tally in self._tallies.values():
            tally.impair(reason)

    def _expire(self) -> None:
        under_way = self._under_way
        now = monotonic() + EARLY_S
        while under_way:
            attempt = under_way[0]
            if attempt.verdict is None:
                if attempt.deadline > now:
                    break
                if now - attempt.deadline > OVERRUN_S:
                    attempt.tally.impair(OVERRUN)
                attempt.expire()
            under_way.popleft()

    # Attempts.

    def _start(self, revision: int, slot: int, endpoints: tuple[int, ...], late_s: float) -> None:
        tally = self._tally(revision, slot)
        chosen = self._sets[revision]
        targets, under_way, watch = chosen.targets, self._under_way, self._watch
        withholding = chosen.withholding
        if chosen.probed_with == endpoints[0]:
            self._probing.start(tally)
        began = monotonic()
        for index in endpoints:
            now = monotonic()
            if watch is not None:
                watch.started(now, late_s + now - began)
            target = targets[index]
            if withholding is not None and (stand_in := withholding.stand_in(index, slot)) is not None:
                target = stand_in
                self.counters.withheld += 1
            attempt = Attempt(
                target,
                tally,
                deadline=now + DEADLINE_S,
                reactor=self._reactor,
                ended=self._ended,
            )
            under_way.append(attempt)
            attempt.begin(self._resolver)
            if under_way and under_way[0].deadline <= now:
                self._expire()  # what was started a second ago, one after the other, ends so too

    def _ended(self, attempt: Attempt) -> None:
        tally, counters = attempt.tally, self.counters
        verdict = attempt.verdict
        if verdict is SENT:
            counters.sent += 1
        elif verdict is ABANDONED:
            counters.abandoned += 1
            now = monotonic()
            if now - attempt.deadline > OVERRUN_S:
                tally.impair(OVERRUN)
            if self._watch is not None:
                self._watch.expired(now, now - attempt.deadline)
        elif verdict is FAILED:
            counters.failed += 1
        else:
            counters.skipped += 1
        chosen = self._sets[tally.revision]
        if attempt.expires_at:
            chosen.expiries[attempt.target.index] = attempt.expires_at
        outcome = attempt.outcome()
        if verdict is SENT and chosen.withholding is not None:
            chosen.withholding.sent(outcome.endpoint, outcome.steps_us)
        if tally.add(outcome):
            self._complete(tally)
        elif verdict is FAILED or verdict is ABANDONED:
            tally.worries.append(outcome)
            self._worry(tally)

    def _worry(self, tally: Tally) -> None:
        """Something went badly in a slot that goes on: told ahead, once the null sink allows it."""
        if self._on_bad is None or self._finished or not tally.fit:
            return
        in_s = self._early.add(tally)
        if in_s is not None:
            self._loop.call_later(in_s, self._tell_early)

    def _tell_early(self) -> None:
        on_bad = self._on_bad
        if on_bad is None or self._finished:
            return
        self._see_lag()
        for revision, report in self._early.take():
            try:
                on_bad(revision, report)
            except Exception as error:
                log.exception("agent.report.bug", error, slot=report.slot)

    def _skip(self, revision: int, slot: int, endpoints: tuple[int, ...], reason: str) -> None:
        tally = self._tally(revision, slot)
        self.counters.skipped += len(endpoints)
        if self._sets[revision].probed_with == endpoints[0]:
            for _ in range(self._probing.each):
                tally.probed(ok=True)  # not probed: what kept it from that is told elsewhere
        for index in endpoints:
            tally.add(Outcome(index, SKIPPED, None, (), reason))
        if tally.complete:
            self._complete(tally)

    def _tally(self, revision: int, slot: int) -> Tally:
        tally = self._tallies.get((revision, slot))
        if tally is None:
            endpoints = len(self._sets[revision].targets)
            tally = Tally(revision, slot, endpoints=endpoints, probes=self._probing.each)
            self._tallies[revision, slot] = tally
        return tally

    def _complete(self, tally: Tally) -> None:
        del self._tallies[tally.revision, tally.slot]
        if tally.worries:
            self._early.ended(tally)
        self._tell(tally.revision, tally.report())

    def _tell(self, revision: int, report: SlotReport) -> None:
        self.counters.slots += 1
        if report.impaired:
            self.counters.impaired += 1
        try:
            self._on_slot(revision, report)
        except Exception as error:
            log.exception("agent.report.bug", error, slot=report.slot)
        if self._idle is not None:
            self._idle.set()

    def _probed(self, tally: Tally, ok: bool) -> None:
        if tally.probed(ok=ok):
            self._complete(tally)
        elif tally.worries:
            self._worry(tally)

    # Missed slots and jumps.

    def _jumped(self, jump: str, clocks: Clocks) -> None:
        log.warning("agent.clock.jumped", what=jump, wall=clocks.wall)
        if jump == LOOP_LAG:
            return
        if jump == "suspended":
            self.counters.suspends += 1
        else:
            self.counters.clock_steps += 1
        self._impair(jump)

    def _miss(self, ranges: Sequence[MissedSlots]) -> None:
        for missed in ranges:
            slots = missed.last - missed.first + 1
            self.counters.missed += slots
            self.counters.skipped += slots * len(self._sets[missed.revision].targets)
            log.warning(
                "agent.slot.missed",
                slot=missed.first,
                missed=slots,
                told=min(slots, MISSED_TOLD),
                reason=missed.reason,
            )
            self._missed.append(missed._replace(first=max(missed.first, missed.last - MISSED_TOLD + 1)))

    def _tell_missed(self) -> None:
        """A few at a time: a long sleep must not hold up the slot that is under way."""
        missed = self._missed.popleft()
        last = min(missed.last, missed.first + _MISSED_AT_ONCE - 1)
        outcomes = [
            Outcome(index, SKIPPED, None, (), missed.reason)
            for index in range(len(self._sets[missed.revision].targets))
        ]
        for slot in range(missed.first, last + 1):
            self._tell(missed.revision, SlotReport(slot=slot, outcomes=outcomes))
        if last < missed.last:
            self._missed.appendleft(missed._replace(first=last + 1))


def _read_clocks() -> Clocks:
    """All three clocks, as of one moment: again if something came between the first and the last."""
    clocks = Clocks(monotonic(), clock.wall(), clock.boottime())
    for _ in range(3):
        if monotonic() - clocks.mono < 0.001:
            break
        clocks = Clocks(monotonic(), clock.wall(), clock.boottime())
    return clocks
