"""The measuring path: evidence into the engine as it comes, slots out of it as they are due.

Five times a second the sockets are looked at once more, what is due is settled, and the results are
put where nobody waits for them: into the store's queue and on the live page. What could not have been
seen in time, because this process stalled or its clock was stepped, is told to the engine as a gap.
"""

from __future__ import annotations

import asyncio
import math
from collections import Counter, deque
from collections.abc import Callable, Sequence
from typing import Protocol

from coalmine_aggregator.engine import Engine, Tick
from coalmine_aggregator.model.alerts import Alert, Change, Transition
from coalmine_aggregator.model.findings import Finding
from coalmine_aggregator.model.progress import Progress
from coalmine_aggregator.model.receipts import Receipts
from coalmine_aggregator.model.scopes import describe
from coalmine_aggregator.paging.order import Recipients
from coalmine_aggregator.receivers.reasons import Reason
from coalmine_aggregator.receivers.receivers import Receivers
from coalmine_aggregator.receivers.table import SeriesTable
from coalmine_aggregator.remediate.turn import Controls, Turn
from coalmine_aggregator.store.store import Store
from coalmine_aggregator.timeline import Timeline
from coalmine_runtime import clock
from coalmine_runtime.logs import get_logger
from coalmine_wire.reports import Birth, Report, State
from coalmine_wire.slots import SETTLE_S

_log = get_logger("measuring")

TICK_S = 0.2

AFTER_S = 0.002
"""Ticks come this much after the fifth of a second: timers count milliseconds, and one that is early
would settle nothing."""

STALL_S = 0.25
"""Between two looks at the sockets this much more than there should be means that nobody looked at them
when slots closed."""

DRAIN_S = 0.5
"""How long the sockets may take to be read empty before a slot is settled."""

RECENT_ALERTS = 200

_NOBODY = Controls(holder=False)
"""Where nobody can say what people and the pair want, nothing is done."""

_QUIET = frozenset({"aggregator.agent.back", "aggregator.agent.retired"})


class Pager(Protocol):
    """Who is to hear of what. Nothing here waits."""

    def route(self, transitions: Sequence[Transition], now: float) -> Sequence[Recipients]:
        """Who is to hear of each transition."""

    def everybody(self, transitions: Sequence[Transition]) -> Sequence[Recipients]:
        """The same where that cannot be said: all who can be told."""

    def due(self, now: float) -> None:
        """Has told what is due by now."""


class Watcher(Protocol):
    """Watches the aggregator itself. Nothing here waits."""

    def look(self, progress: Progress) -> Sequence[Finding]:
        """What is wrong; asked once a second, by the loop that settles slots."""


class Follower(Protocol):
    """Makes something of what happens to alerts. Nothing here waits."""

    def follow(self, transitions: Sequence[Transition], now: float) -> None:
        """What happened; what it puts into the store is committed with that."""


class Decider(Protocol):
    """Makes something of what is decided on nodes. Nothing here waits."""

    def controls(self) -> Controls:
        """What people and the pair say; asked before each tick."""

    def take(self, turn: Turn, now: float) -> None:
        """What a tick decided, if it decided anything."""


class Measuring:
    """Owns the engine. `pager` has alerts told; what `watchers` find becomes alerts like any other;
    `followers` hear of all of them; `decider`, where there is one, of what is to become of nodes."""

    def __init__(
        self,
        engine: Engine,
        table: SeriesTable,
        store: Store,
        pager: Pager,
        watchers: Sequence[Watcher] = (),
        followers: Sequence[Follower] = (),
    ) -> None:
        self.engine = engine
        self.rejects: Counter[tuple[int, Reason]] = Counter()
        self.closed: deque[Alert] = deque(maxlen=RECENT_ALERTS)
        self.settle_lag_s = 0.0
        self.settle_s = 0.0
        self._table = table
        self._store = store
        self._pager = pager
        self._watchers = watchers
        self._followers = followers
        self.decider: Decider | None = None
        self._timeline = Timeline(clock.wall(), clock.monotonic())
        self._looked_s = clock.monotonic()
        self._counted = self._paged = 0
        self._faults: Counter[str] = Counter()
        store.follow(engine.series_names)
        self._apply_table()

    # Evidence, as it comes.

    def now(self) -> float:
        """The time to go by: see `Timeline`."""
        return self._read()

    def receive(self, receipts: Receipts) -> None:
        """Datapoints arrived."""
        self.engine.receive(receipts)

    def reject(self, source: int, reason: Reason, count: int) -> None:
        """Something arrived and was refused."""
        self.rejects[source, reason] += count
        if reason is Reason.KERNEL_DROPPED:
            # Our own socket overflowed in the last second: what it lost is not the service's loss.
            now = math.floor(self._read())
            self.engine.source_gap(source, now - SETTLE_S, now)

    def birth(self, birth: Birth, now: float) -> None:
        """An agent introduced itself."""
        self.engine.birth(birth, now)
        self._store.put_birth(birth, now)
        self._apply_table()

    def state(self, state: State, now: float) -> None:
        """An agent's life changed."""
        self.engine.state(state, now)
        self._store.put_state(state, now)
        self._apply_table()

    def report(self, report: Report, now: float) -> None:
        """An agent told how slots ended."""
        self.engine.report(report, now)

    # Slots, as they are due.

    async def run(self, receivers: Receivers, alive: Callable[[], None]) -> None:
        """Ticks until it is cancelled. `alive` is called after each tick that did its work."""
        self._looked_s = clock.monotonic()
        while True:
            # On the fifths of each second, so that a slot is settled as soon as it is due.
            await asyncio.sleep(TICK_S - self._read() % TICK_S + AFTER_S)
            await self.tick(receivers)
            alive()

    async def tick(self, receivers: Receivers) -> None:
        """Looks at the sockets once more and settles what is due."""
        self._note_stall(clock.monotonic() - self._looked_s - TICK_S)
        now = self._read()
        first = self.engine.first_unsettled
        began = clock.monotonic()
        drained = await receivers.drain(DRAIN_S)
        self._looked_s = clock.monotonic()
        self._note_stall(self._looked_s - began - DRAIN_S)
        last_due = math.floor(now - SETTLE_S)
        if not drained and last_due >= first:
            _log.warning("measuring.not_drained", first_slot=first, last_slot=last_due)
            self.engine.gap(first, last_due, "not_drained")
        began = clock.monotonic()
        if int(now) != self._counted:
            self._counted = int(now)
            self.engine.connections([receiver.connections for receiver in receivers.each])
        self._control()
        tick = self.engine.tick(now)
        if tick.settled:
            self.settle_s = clock.monotonic() - began
            self.settle_lag_s = max(0.0, now - (tick.settled[-1].slot + SETTLE_S))
        self._hand_on(tick, now)
        self._act(tick.remediation, now)
        if int(now) != self._paged:
            self._paged = int(now)
            self._page_due(now)
            self._watch(now)
        self._apply_table()

    # No fault of those who page, watch, follow or act may end the counting.

    def _fault(self, part: str, error: Exception) -> None:
        before = self._faults[part]
        self._faults[part] += 1
        # Each second, for as long as it lasts, would fill a log: say it at powers of two.
        if (before + 1).bit_length() > before.bit_length():
            _log.exception("measuring.fault", error, part=part, faults=before + 1)

    def _page_due(self, now: float) -> None:
        try:
            self._pager.due(now)
        except Exception as error:
            self._fault("paging", error)

    def _watch(self, now: float) -> None:
        progress = self.engine.progress(now)
        found: list[Finding] = []
        for watcher in self._watchers:
            try:
                found += watcher.look(progress)
            except Exception as error:
                self._fault("watching", error)
        self.engine.watch(found)

    def _control(self) -> None:
        if self.decider is None:
            return
        try:
            self.engine.control(self.decider.controls())
        except Exception as error:
            self._fault("deciding", error)
            self.engine.control(_NOBODY)

    def _act(self, turn: Turn, now: float) -> None:
        if self.decider is None:
            return
        try:
            self.decider.take(turn, now)
        except Exception as error:
            self._fault("acting", error)

    def _follow(self, transitions: Sequence[Transition], now: float) -> None:
        for follower in self._followers:
            try:
                follower.follow(transitions, now)
            except Exception as error:
                self._fault("following", error)

    def _route(self, transitions: Sequence[Transition], now: float) -> Sequence[Recipients]:
        try:
            return self._pager.route(transitions, now)
        except Exception as error:
            self._fault("paging", error)
            return self._pager.everybody(transitions)

    # People, as they answer.

    def acknowledge(self, number: int, by: str) -> None:
        """Somebody works on an open alert; nothing where somebody does already. It is durable once
        `Store.flushed` says so. Raises KeyError for an alert that is not open."""
        now = self._read()
        self._tell(self.engine.acknowledge(number, by, now), now)

    def answer(self, alert: Alert, actionable: bool) -> Alert:
        """Whether there was anything to do about a closed alert; returns it as it stands now."""
        self.engine.answer(alert.number, actionable)
        answered = alert._replace(actionable=actionable)
        self._store.put_alert(answered)
        self._amend(answered)
        return answered

    def _hand_on(self, tick: Tick, now: float) -> None:
        for slot, blob in tick.exceptions:
            self._store.put_exceptions(slot, blob)
        self._store.put_slots(tick.slots)
        self._store.put_lives(tick.lives)
        if tick.settled:
            self._store.put_timings(tick.settled[-1].slot, tick.timings)
        if tick.settled or tick.revised:
            kept = self.engine.kept()
            for service, minute, sums in kept.minutes:
                self._store.put_slo(service, minute, sums)
            for name, body in kept.learned:
                self._store.put_learned(name, body)
            for alert in kept.amended:
                self._store.put_alert(alert)
                self._amend(alert)
        self._tell(tick.transitions, now)
        for event in tick.events:
            log = _log.info if event.name in _QUIET else _log.warning
            log(event.name, **event.fields)

    def _amend(self, alert: Alert) -> None:
        for index, closed in enumerate(self.closed):
            if closed.number == alert.number:
                self.closed[index] = alert

    def _tell(self, transitions: Sequence[Transition], now: float) -> None:
        if transitions:
            self._store.put_transitions(self._route(transitions, now))
            self._follow(transitions, now)
        for transition in transitions:
            self._log(transition)

    def _log(self, transition: Transition) -> None:
        alert = transition.alert
        if transition.change is Change.CLOSED:
            self.closed.appendleft(alert)
        _log.warning(
            f"alert.{transition.change}",
            alert=alert.id,
            number=alert.number,
            severity=alert.severity,
            scope=describe(alert.scope),
            cause=alert.cause,
            bad=alert.counts.bad,
            judged=alert.counts.judged,
            window_s=alert.window_s,
            since=alert.since,
        )

    def _read(self) -> float:
        now, stepped_s = self._timeline.read(clock.wall(), clock.monotonic())
        if stepped_s:
            # Every slot that was open on either side of the step has lost its place in time.
            first = math.floor(min(now, now - stepped_s)) - SETTLE_S
            last = math.floor(max(now, now - stepped_s))
            _log.warning("measuring.clock_stepped", by_s=stepped_s, first_slot=first, last_slot=last)
            self.engine.gap(first, last, "clock_stepped")
        return now

    def _note_stall(self, late_s: float) -> None:
        """Slots that closed while nobody looked at the sockets may have missed receipts."""
        if late_s <= STALL_S:
            return
        now = self._read()
        first, last = math.floor(now - late_s - SETTLE_S), math.floor(now - SETTLE_S)
        _log.warning("measuring.stalled", late_s=late_s, first_slot=first, last_slot=last)
        self.engine.gap(max(first, self.engine.first_unsettled), last, "stalled")

    def _apply_table(self) -> None:
        for name, series in self.engine.table_changes():
            if series is None:
                self._table.drop(name)
            else:
                self._table.put(name, series)
