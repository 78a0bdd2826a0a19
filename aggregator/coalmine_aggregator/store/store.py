"""The store: everything put into it is written soon, by a thread of its own; nobody waits for it.

The engine's side calls `put_*`, which only remember. One task takes what waits and commits it: the
pager's part (transitions, deliveries) as soon as there is any, history every `COMMIT_S`. The database
runs on its own thread through SQLAlchemy's plain interface, one hop a batch, so that a slow disk, the
packing of counts and a locked file hold up that thread alone.

Transitions are committed, with their deliveries, before those are handed to `on_deliveries`. Where the
database cannot be written, they are handed over after `PATIENCE_S` all the same, since a full disk must
not keep a page back; the commit is tried on. Until it succeeds, a crash could send such a page twice
under its de-duplication key, or forget its resolution.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, ProgrammingError

from coalmine_aggregator.model.agent_life import AgentLife
from coalmine_aggregator.model.alerts import Alert, Change, Transition
from coalmine_aggregator.model.audit_entry import AuditEntry
from coalmine_aggregator.model.incident import Entry, IncidentChanges
from coalmine_aggregator.model.incident_snapshot import Snapshot
from coalmine_aggregator.model.pin import PinChange
from coalmine_aggregator.model.remediation_event import RemediationEvent
from coalmine_aggregator.model.settled_slot import SettledSlot
from coalmine_aggregator.model.slo_minutes import MinuteSums
from coalmine_aggregator.model.timings import Timings
from coalmine_aggregator.paging.order import Order, Recipients
from coalmine_aggregator.paging.silence import Silence
from coalmine_aggregator.store.audit_log import WaitingAudit, commit_audit
from coalmine_aggregator.store.commit import HistoryWriter, commit_pager
from coalmine_aggregator.store.database import StoreError, first_line, shown
from coalmine_aggregator.store.health import StoreHealth
from coalmine_aggregator.store.numbering import NumberingError
from coalmine_aggregator.store.opening import opened
from coalmine_aggregator.store.paging_log import Round
from coalmine_aggregator.store.pending import Delivery, History, Pager
from coalmine_aggregator.store.reads import StoreReads
from coalmine_aggregator.store.retention import KEPT, Retention
from coalmine_runtime.logs import get_logger
from coalmine_wire.reports import Birth, State

COMMIT_S = 0.5
"""History is committed this often: a kill loses less than 2 s of it, a slow commit included."""

EARLY_SLOTS = 300
"""More slots than this are committed at once: a day of late reports must not pile up."""

PATIENCE_S = 1.0
"""How long a page waits for its commit before it goes out without."""

RETRY_S = 1.0
"""After a commit that failed."""

log = get_logger("store")

CLOSE_S = 5.0
"""A disk that hangs for longer does not keep the process from ending."""

_OUR_FAULT = (IntegrityError, DataError, ProgrammingError)

T = TypeVar("T")


class Store(StoreReads):
    """Use `await Store.open(url)`; `await close()` writes what waits."""

    def __init__(
        self,
        engine: sa.Engine,
        writes: ThreadPoolExecutor,
        writer: HistoryWriter,
        next_id: int,
        next_audit: int,
        next_event: int,
        rounds: dict[int, Round],
    ) -> None:
        super().__init__(engine)
        self._writes = writes
        self._next_id = next_id
        self._rounds = rounds  # of open alerts, by number
        self._history = History(self._drop)
        self._taken = History(self._drop)  # what is being written
        self._history_writer = writer
        self._names: Sequence[str] = ()
        self._pager = Pager()
        self._committing = Pager()
        self._audit = WaitingAudit(next_audit, self._drop)
        self._next_event = next_event
        self._uncommitted: dict[int, tuple[Delivery, ...]] = {}
        self._last_batch = 0
        self._flushes: list[asyncio.Future[None]] = []
        self._wake = asyncio.Event()
        self._closing = asyncio.Event()
        self._in_flight = False
        self._writing = 0
        self._errors: dict[str, str] = {}
        self._dropped: dict[str, int] = {}
        self._ahead = 0
        self.on_deliveries: Callable[[Sequence[Delivery]], None] = _nobody
        self._task = asyncio.create_task(self._run(), name="store")

    @classmethod
    async def open(cls, url: str, retention: Retention = KEPT) -> Store:
        """Opens, creates and migrates. Raises `StoreError`."""
        loop = asyncio.get_running_loop()
        writes = ThreadPoolExecutor(1, thread_name_prefix="store-write")
        try:
            engine, writer, numbers = await loop.run_in_executor(writes, opened, url, retention)
        except (DBAPIError, NumberingError) as error:
            writes.shutdown(wait=False)
            raise StoreError(f"{shown(url)}: {first_line(error)}") from None
        except BaseException:
            writes.shutdown(wait=False)
            raise
        return cls(engine, writes, writer, *numbers)

    # What the measuring path calls. None of these waits.

    def follow(self, names: Sequence[str]) -> None:
        """The full names of series by the ids of slots and step times put from now on: a list that only
        grows, and that the store's thread reads."""
        self._names = names

    def put_birth(self, birth: Birth, at: float) -> None:
        """An agent introduced itself; `at` is when it was heard (seconds since the epoch)."""
        self._history.put_birth(birth, at)

    def put_state(self, state: State, at: float) -> None:
        """What an agent, or its last will, said of its life."""
        self._history.put_state(state, at)

    def put_slots(self, slots: Sequence[SettledSlot]) -> None:
        """Settled slots, or revised ones as they stand now."""
        for slot in slots:
            self._history.put_slot(slot)
        if len(self._history.slots) > EARLY_SLOTS:
            self._wake.set()

    def put_timings(self, slot: int, timings: Timings) -> None:
        """Step times that reports told while this slot was the newest one settled."""
        self._history.put_timings(slot, timings)

    def put_lives(self, lives: Sequence[AgentLife]) -> None:
        """How agents' lives changed; what is no change is not kept."""
        for life in lives:
            self._history.put_life(life)

    def put_exceptions(self, slot: int, blob: bytes) -> None:
        """What the ledger needs to revise a slot after a restart; empty forgets the slot."""
        self._history.put_exceptions(slot, blob)

    def put_slo(self, service: str, minute: int, sums: MinuteSums) -> None:
        """The sums of a minute (slot // 60) that a service's objective is held against."""
        self._history.put_slo(service, minute, sums)

    def put_learned(self, name: str, body: str) -> None:
        """What a detector learned, JSON, in place of what stood under that name."""
        self._history.put_learned(name, body)

    def put_alert(self, alert: Alert) -> None:
        """An alert whose counts late evidence corrected, open or closed: no transition, nobody is told.

        It is written with the next round; what `put_transitions` says later stands."""
        self._pager.alerts[alert.number] = alert

    def put_transitions(self, routed: Sequence[Recipients]) -> None:
        """Transitions, each with who is to hear of it, in their order.

        Their deliveries reach `on_deliveries` once committed. Transitions are never dropped."""
        batch: list[Delivery] = []
        for transition, orders in routed:
            number = self._put_transition(transition)
            batch += [self._delivery(order, transition.at, number) for order in orders]
            if transition.change is Change.CLOSED:
                self._rounds.pop(transition.alert.number, None)
        self._put_batch(batch)

    def put_orders(self, orders: Sequence[Order], now: float) -> None:
        """Open alerts that somebody is to hear of now, though nothing has happened to them; their
        deliveries go as those of transitions do."""
        self._put_batch([self._delivery(order, now) for order in orders])

    def put_silence(self, silence: Silence) -> None:
        """A silence, or how it stands now. Never dropped."""
        self._pager.silences[silence.id] = silence
        self._wake.set()

    def _put_transition(self, transition: Transition) -> int:
        number = self._next_id
        self._next_id += 1
        self._pager.put_transition(number, transition)
        alert = transition.alert
        before = self._rounds.get(alert.number)
        if before is None or before.severity is not alert.severity:
            self._rounds[alert.number] = Round(number, alert.severity, transition.at, number)
        else:
            self._rounds[alert.number] = before._replace(newest=number)
        return number

    def _delivery(self, order: Order, at: float, number: int | None = None) -> Delivery:
        """Whoever is told that an alert opened, or is called again, is told so under the transition
        that opened it or made a page of it, whenever that is; all else under transition `number`, where
        that is None the newest of the alert."""
        transition = order.transition
        is_opening = transition.change is Change.OPENED
        if is_opening or number is None:
            begun = self._rounds.get(transition.alert.number)
            if begun is None:
                # That its beginning is not in the store must not keep it from being told.
                number = self._put_transition(transition)
            elif is_opening:
                # Told again after a crash it is to be the same message, so it has one time.
                number, transition = begun.transition, transition._replace(at=begun.at)
            else:
                number = begun.newest
        _, receiver, to, step, repeat = order
        return Delivery(number, receiver, transition, to, step, repeat, made_at=at, next_at=at)

    def _put_batch(self, batch: Sequence[Delivery]) -> None:
        for delivery in batch:
            self._pager.deliveries[delivery.key] = delivery
        if batch:
            self._last_batch += 1
            self._pager.batches.append(self._last_batch)
            self._uncommitted[self._last_batch] = tuple(batch)
            asyncio.get_running_loop().call_later(PATIENCE_S, self._release, self._last_batch)
        if self._pager:
            self._wake.set()

    def put_incidents(self, changes: IncidentChanges) -> None:
        """Incidents as they stand, and new entries; put beside transitions, they are committed with
        them. Never dropped."""
        self._pager.put_incidents(changes)
        if self._pager:
            self._wake.set()

    def waiting_entries(self, incident: int) -> list[Entry]:
        """Those of its timeline that are not known to be committed, the oldest first."""
        waiting = {**self._committing.entries, **self._pager.entries}
        return [entry for (number, _), entry in sorted(waiting.items()) if number == incident]

    def put_snapshot(self, snapshot: Snapshot) -> None:
        """A picture of an incident. Never dropped."""
        self._pager.snapshots[snapshot.incident, snapshot.name] = snapshot
        self._wake.set()

    def put_remediation(self, events: Sequence[RemediationEvent]) -> None:
        """What remediation did; numbers are given here. Where the database is away, the oldest beyond
        `MAX_EVENTS` are given up and counted."""
        for event in events:
            self._pager.put_event(self._next_event, event)
            self._next_event += 1
        self._bound_events()
        if events:
            self._wake.set()

    def put_pin(self, change: PinChange) -> None:
        """A person's newest word on a node. Never dropped."""
        self._pager.pins[change.service, change.node] = change
        self._wake.set()

    def _bound_events(self) -> None:
        gone = self._pager.bound_events()
        if gone:
            self._drop("remediation", gone)

    def put_audit(self, entry: AuditEntry) -> None:
        """Somebody did something; the number is given here."""
        self._audit.put(entry)
        self._wake.set()

    # What the notifier calls.

    def put_delivery(self, delivery: Delivery) -> None:
        """How a delivery stands now."""
        self._pager.deliveries[delivery.key] = delivery
        self._wake.set()

    async def flushed(self, patience_s: float = PATIENCE_S) -> bool:
        """Waits until all of the pager's that was put is committed; False when patience ends first."""
        if not self._pager and not self._in_flight:
            return True
        flush: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._flushes.append(flush)
        self._wake.set()
        done, _ = await asyncio.wait([flush], timeout=patience_s)
        return bool(done)

    def health(self) -> StoreHealth:
        """How writing goes."""
        kinds = (self._history, self._taken, self._pager, self._audit)
        waiting = sum(len(kind) for kind in kinds) + self._writing
        error = "; ".join(sorted(set(self._errors.values())))
        history = (self._history.waiting(), self._taken.waiting())
        of_history = {kind: sum(each[kind] for each in history) for kind in history[0]}
        return StoreHealth(error, waiting, dict(self._dropped), self._ahead, of_history)

    async def close(self) -> None:
        """Writes what waits, tried once more where it fails, and lets go of the database.

        A second call does nothing."""
        if self._closing.is_set():
            return
        self._closing.set()
        self._wake.set()
        _, unfinished = await asyncio.wait([self._task], timeout=CLOSE_S)
        if unfinished:
            self._task.cancel()
            log.error("store.close.unfinished", waiting=self.health().waiting)
            # Once the disk answers; nobody waits for that.
            self._writes.submit(self._engine.dispose)
        else:
            # Behind what is being read: a connection that came back later would stay open.
            loop = asyncio.get_running_loop()
            disposed = loop.run_in_executor(self._reads, self._engine.dispose)
            await asyncio.wait([disposed], timeout=CLOSE_S)
        self._reads.shutdown(wait=False)
        self._writes.shutdown(wait=False)

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        history_at = loop.time()
        while True:
            self._wake.clear()
            last_round = self._closing.is_set()
            early = len(self._history.slots) > EARLY_SLOTS
            due = last_round or early or loop.time() >= history_at
            # Taken before the pager's part is written: counts must not be kept that led to an alert
            # which is not, or a start would take the loss for one that was told.
            if due:
                self._taken, self._history = self._history, History(self._drop)
            written = await self._commit_pager()
            if not written and not last_round:
                self._put_back()
            elif due:
                written = await self._commit_history() and written
                history_at = loop.time() + COMMIT_S
            written = await self._commit_audit() and written
            if last_round:
                return
            # After a failure new pages wait too: asking a locked file again at once would not help.
            wait_for, until = (
                (self._wake, history_at) if written else (self._closing, loop.time() + RETRY_S)
            )
            try:
                async with asyncio.timeout_at(until):
                    await wait_for.wait()
            except TimeoutError:
                pass

    async def _commit_pager(self) -> bool:
        flushes, self._flushes = self._flushes, []
        if self._pager:
            batch = self._committing = self._pager
            self._pager = Pager()
            self._in_flight = True
            self._writing = len(batch)
            try:
                refused = await self._write("pager", lambda: commit_pager(self._engine, batch))
            except Exception as error:
                self._pager.put_back(batch)
                self._bound_events()
                self._flushes[:0] = flushes
                self._failed("pager", error)
                return False
            finally:
                self._in_flight = False
                self._writing = 0
                self._committing = Pager()
            if refused:
                self._drop("incidents", refused)
            for number in batch.batches:
                self._hand_out(number)
        for flush in flushes:
            if not flush.done():
                flush.set_result(None)
        return True

    async def _commit_audit(self) -> bool:
        batch = self._audit.waiting()
        if not batch:
            return True
        try:
            await self._write("audit", lambda: commit_audit(self._engine, batch))
        except Exception as error:
            if isinstance(error, DBAPIError) and not isinstance(error, _OUR_FAULT):
                self._failed("audit", error)
                return False
            log.exception("store.audit.refused", error, items=len(batch))
            self._drop("audit", len(batch))
        self._audit.forget(batch)
        return True

    def _put_back(self) -> None:
        taken, self._taken = self._taken, History(self._drop)
        self._history.put_back(taken)

    async def _commit_history(self) -> bool:
        batch, names = self._taken, self._names
        try:
            # A new fleet is numbered in steps, and pages go between them.
            while batch and not await self._write(
                "history", lambda: self._history_writer.commit(batch, names)
            ):
                await self._commit_pager()
        except Exception as error:
            if isinstance(error, DBAPIError) and not isinstance(error, _OUR_FAULT):
                self._put_back()
                self._failed("history", error)
                return False
            # Not the database's state but what we gave it: trying again would fail for ever.
            log.exception("store.history.refused", error, items=len(batch))
            self._history_writer.forget()
            self._drop("refused", len(batch))
        self._taken = History(self._drop)
        return True

    async def _write(self, part: str, write: Callable[[], T]) -> T:
        result = await asyncio.get_running_loop().run_in_executor(self._writes, write)
        if self._errors.pop(part, None):
            log.info("store.recovered", part=part)
        return result

    def _failed(self, part: str, error: Exception) -> None:
        what = str(error.orig if isinstance(error, DBAPIError) else error).partition("\n")[0]
        if self._errors.get(part) != what:
            log.error("store.write.failed", part=part, error=what)
        self._errors[part] = what

    def _drop(self, kind: str, count: int) -> None:
        before = self._dropped.get(kind, 0)
        self._dropped[kind] = before + count
        # Once a second at most would still fill a log: say it at powers of two.
        if (before + count).bit_length() > before.bit_length():
            log.error("store.dropped", kind=kind, dropped=before + count)

    def _hand_out(self, number: int) -> None:
        deliveries = self._uncommitted.pop(number, None)
        if not deliveries:
            return
        try:
            self.on_deliveries(deliveries)
        except Exception as error:
            # They are in the outbox; a listener's fault must not end the writing.
            log.exception("store.deliveries.refused", error, deliveries=len(deliveries))

    def _release(self, number: int) -> None:
        """Patience is over: better a page that a crash may repeat than none."""
        if number in self._uncommitted:
            self._ahead += 1
            transition = self._uncommitted[number][0].transition
            log.error("store.page.uncommitted", alert=transition.alert.id, change=transition.change)
            # In order: an older one that still waits goes first.
            for earlier in sorted(key for key in self._uncommitted if key <= number):
                self._hand_out(earlier)


def _nobody(_: Sequence[Delivery]) -> None:
    log.error("store.deliveries.unheard")
