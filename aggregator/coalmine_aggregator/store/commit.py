"""Writing what waits, in one transaction each. Blocks: runs on the store's own thread."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence

import sqlalchemy as sa

from coalmine_aggregator.model.settled_slot import SettledSlot
from coalmine_aggregator.model.slo_minutes import MAX_WINDOW_S, MINUTE_S
from coalmine_aggregator.store import alert_codec, schema
from coalmine_aggregator.store.database import storable, upsert
from coalmine_aggregator.store.incident_log import write_incidents
from coalmine_aggregator.store.life_log import LifeLog
from coalmine_aggregator.store.numbering import Numbering, NumberingError
from coalmine_aggregator.store.paging_log import write_silences
from coalmine_aggregator.store.pending import History, Pager
from coalmine_aggregator.store.remediation_log import write_remediation
from coalmine_aggregator.store.retention import PIECE_S, Retention, prune, prune_lives, prune_logs
from coalmine_aggregator.store.rollups import Rollups
from coalmine_aggregator.store.rosters import Rosters
from coalmine_aggregator.store.seconds import Seconds
from coalmine_aggregator.store.step_log import StepLog
from coalmine_runtime import clock
from coalmine_wire.reports import encode as encode_message
from coalmine_wire.slots import REVISABLE_S

_KEYS = 3  # that are tried for the hashes of names

PRUNE_S = 60
PRUNE_ROWS_S = 3_600
"""Seconds between two looks for what has become too old. It is so by the look before, so that a clock
that is ahead for less costs nothing."""

AHEAD_S = 60
"""What was kept may be so much later than it is now; else a clock was ahead, and all is read anew."""


def commit_pager(engine: sa.Engine, pager: Pager) -> int:
    """Transitions, alerts as they stand, the state of deliveries, silences, what remediation did,
    pins, incidents: all or none. Returns how many of what belongs to incidents cannot be written at
    all."""
    with engine.begin() as connection:
        upsert(
            connection,
            schema.transitions,
            [
                {
                    "id": number,
                    "number": transition.alert.number,
                    "change": str(transition.change),
                    "at": transition.at,
                    "body": alert_codec.encode_transition(transition),
                }
                for number, transition in pager.transitions
            ],
        )
        upsert(
            connection,
            schema.alerts,
            [
                {
                    "number": alert.number,
                    "dedup_key": alert.dedup_key,
                    "opened_at": alert.opened_at,
                    "closed_at": alert.closed_at,
                    "body": alert_codec.encode(alert),
                }
                for alert in pager.alerts.values()
            ],
        )
        upsert(
            connection,
            schema.outbox,
            [
                {
                    "transition": delivery.transition_id,
                    "receiver": delivery.receiver,
                    "target": delivery.target,
                    "step": delivery.step,
                    "repeat": delivery.repeat,
                    "change": str(delivery.transition.change),
                    "made_at": delivery.made_at,
                    "attempts": delivery.attempts,
                    "next_at": delivery.next_at,
                    "delivered_at": delivery.delivered_at,
                    "dead": None if delivery.dead is None else storable(delivery.dead),
                    "error": None if delivery.error is None else storable(delivery.error),
                }
                for delivery in pager.deliveries.values()
            ],
        )
        write_silences(connection, pager.silences.values())
        write_remediation(connection, pager.events, pager.pins.values())
        return write_incidents(
            connection, pager.incidents.values(), pager.entries.values(), pager.snapshots.values()
        )


class HistoryWriter:
    """Writes history and keeps what it needs for the next time: numbers, rosters, the open minutes."""

    def __init__(self, engine: sa.Engine, retention: Retention) -> None:
        self._engine = engine
        self._retention = retention
        self._loaded = False
        self._pruned = self._rows_pruned = self._slo_pruned = 0
        self.forget()
        sa.event.listen(engine, "invalidate", self._lost)

    def forget(self) -> None:
        """What was given could not be written at all: everything is read anew before the next time."""
        self._loaded = self._doubted = False
        self._numbering = Numbering(secrets.token_bytes(16))
        self._rosters = Rosters(self._numbering)
        self._seconds = Seconds(self._numbering, self._rosters)
        self._rollups = Rollups(self._numbering, self._rosters, self._seconds)
        self._steps = StepLog(self._numbering)
        self._lives = LifeLog()

    def load(self) -> None:
        """Reads what is numbered already, so that the first commit does not have to. Raises
        `NumberingError`."""
        for tries_left in reversed(range(_KEYS)):
            try:
                with self._engine.connect().execution_options(coalmine_reads=True) as connection:
                    self._numbering.load(connection)
                    for part in (self._rosters, self._rollups, self._steps, self._lives):
                        part.load(connection)
                self._loaded = True
                return
            except NumberingError:
                self.forget()
                if not tries_left:
                    raise
            except BaseException:
                self.forget()
                raise

    def commit(self, history: History, names: Sequence[str]) -> bool:
        """All or none, then True. False where there are so many new series that only some could be
        given numbers, or where another server may answer: nothing else is written, and the same is to
        be committed again."""
        if self._doubted or self._rollups.newest > clock.wall() + AHEAD_S:
            self.forget()
        if not self._loaded:
            self.load()
        self._numbering.follow(names)
        whole = self._numbering.reach(history.width)
        try:
            with self._engine.begin() as connection:
                if self._doubted:
                    return False
                self._numbering.write(connection)
                if whole:
                    self._write(connection, history)
        except BaseException:
            self._seconds.forget()
            raise
        self._numbering.written()
        if whole:
            for part in (self._rosters, self._rollups, self._steps, self._lives):
                part.written()
        return whole

    def _lost(self, *_: object) -> None:
        """A connection is gone, whoever noticed it: another server may answer next, one that lacks what
        was committed last. Called by any thread."""
        self._doubted = True

    def _write(self, connection: sa.Connection, history: History) -> None:
        self._heard(connection, history)
        self._lives.write(connection, history.lives)
        self._exceptions(connection, history)
        self._slots(connection, history.slots)
        self._steps.write(connection, history.timings.items(), self._rollups.newest)
        self._objectives(connection, history)
        self._prune(connection)

    def _heard(self, connection: sa.Connection, history: History) -> None:
        upsert(
            connection,
            schema.births,
            [
                {
                    "agent": storable(birth.agent),
                    "boot": storable(birth.boot),
                    "revision": birth.revision,
                    "heard_at": at,
                    "body": encode_message(birth),
                }
                for at, birth in history.births
            ],
        )
        upsert(
            connection,
            schema.states,
            [
                {
                    "agent": storable(state.agent),
                    "boot": storable(state.boot),
                    "heard_at": at,
                    "body": encode_message(state),
                }
                for at, state in history.states
            ],
        )

    def _exceptions(self, connection: sa.Connection, history: History) -> None:
        exceptions = history.exceptions.items()
        if not exceptions:
            return
        table = schema.exceptions
        rows = [{"slot": slot, "body": body} for slot, body in exceptions.items() if body]
        upsert(connection, table, rows)
        gone = [{"gone": slot} for slot, body in exceptions.items() if not body]
        if gone:
            connection.execute(sa.delete(table).where(table.c.slot == sa.bindparam("gone")), gone)
        frozen = max(exceptions) - REVISABLE_S
        connection.execute(sa.delete(table).where(table.c.slot < frozen))

    def _slots(self, connection: sa.Connection, slots: Iterable[SettledSlot]) -> None:
        slots = sorted(slots, key=lambda each: each.slot)
        if not slots:
            return
        bodies = self._seconds.write(connection, slots)
        self._rosters.write(connection)
        self._rollups.write(connection, bodies, slots[-1].slot)

    def _objectives(self, connection: sa.Connection, history: History) -> None:
        upsert(
            connection,
            schema.learned,
            [{"name": name, "body": body} for name, body in history.learned.items().items()],
        )
        sums_of = history.slo.items()
        if not sums_of:
            return
        table = schema.slo_minutes
        upsert(
            connection,
            table,
            [
                {"service": service, "minute": minute, **sums._asdict()}
                for (service, minute), sums in sums_of.items()
            ],
        )
        newest = max(minute for _, minute in sums_of)
        if not self._slo_pruned <= newest < self._slo_pruned + PRUNE_ROWS_S // MINUTE_S:
            self._slo_pruned = newest
            oldest = connection.execute(sa.select(sa.func.min(table.c.minute))).scalar_one()
            until = min(newest - MAX_WINDOW_S // MINUTE_S + 1, oldest + PIECE_S // MINUTE_S)
            connection.execute(sa.delete(table).where(table.c.minute < until))

    def _prune(self, connection: sa.Connection) -> None:
        newest = self._rollups.newest
        if not self._pruned <= newest < self._pruned + PRUNE_S:
            before, self._pruned = min(self._pruned, newest), newest
            prune(connection, self._retention, before)
        if not self._rows_pruned <= newest < self._rows_pruned + PRUNE_ROWS_S:
            before, self._rows_pruned = min(self._rows_pruned, newest), newest
            prune_lives(connection, self._retention, before)
            prune_logs(connection, self._retention, before)
