"""Writing what waits, in one transaction each. Blocks: runs on the store's own thread."""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Iterable

import numpy as np
import sqlalchemy as sa

from coalmine_aggregator.model.scopes import Leaf
from coalmine_aggregator.model.slo_minutes import MAX_WINDOW_S, MINUTE_S
from coalmine_aggregator.model.slot_counts import SlotCounts
from coalmine_aggregator.store import alert_codec, schema
from coalmine_aggregator.store.database import upsert
from coalmine_aggregator.store.minutes import SLOTS, Minute, MinuteError, decode, encode
from coalmine_aggregator.store.pending import History, Pager
from coalmine_runtime.logs import get_logger
from coalmine_wire.reports import encode as encode_message
from coalmine_wire.slots import REVISABLE_S

log = get_logger("store")

_MAX_OPEN_MINUTES = 16
"""Minutes kept decoded, so that the growing one of each service is not read back every second."""

_PRUNE_MINUTES = 60
"""Minutes between two looks for what has become too old."""


def commit_pager(engine: sa.Engine, pager: Pager) -> None:
    """Transitions, alerts as they stand, and the state of deliveries: all or none."""
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
                    "attempts": delivery.attempts,
                    "next_at": delivery.next_at,
                    "delivered_at": delivery.delivered_at,
                    "dead": delivery.dead,
                    "error": delivery.error,
                }
                for delivery in pager.deliveries.values()
            ],
        )


class HistoryWriter:
    """Writes history and keeps what it needs for the next time: leaf ids and the open minutes."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._leaf_ids: dict[Leaf, int] = {}
        self._minutes: OrderedDict[tuple[str, int], Minute] = OrderedDict()
        self._pruned = 0

    def commit(self, history: History) -> None:
        """All or none."""
        try:
            with self._engine.begin() as connection:
                self._lives(connection, history)
                self._exceptions(connection, history)
                self._slots(connection, history.slots)
                self._objectives(connection, history)
        except BaseException:
            # What is kept may hold what was rolled back.
            self._leaf_ids.clear()
            self._minutes.clear()
            self._pruned = 0
            raise

    def _lives(self, connection: sa.Connection, history: History) -> None:
        upsert(
            connection,
            schema.births,
            [
                {
                    "agent": birth.agent,
                    "boot": birth.boot,
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
                    "agent": state.agent,
                    "boot": state.boot,
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

    def _slots(self, connection: sa.Connection, slots: Iterable[SlotCounts]) -> None:
        touched: dict[tuple[str, int], Minute] = {}
        for counts in slots:
            rows_of: defaultdict[str, list[int]] = defaultdict(list)
            for row, leaf in enumerate(counts.leaves):
                rows_of[leaf.service].append(row)
            minute_number, second = divmod(counts.slot, SLOTS)
            for service, rows in rows_of.items():
                key = (service, minute_number)
                # What this batch has changed may no longer be among the kept ones.
                minute = touched.get(key) or self._minute(connection, *key)
                ids = [self._leaf_id(connection, counts.leaves[row]) for row in rows]
                take = np.array(rows)
                minute.put(second, ids, counts.received[take], counts.fates[take])
                touched[key] = minute
        upsert(
            connection,
            schema.minutes,
            [
                {"service": service, "minute": number, "body": encode(minute)}
                for (service, number), minute in touched.items()
            ],
        )

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
        if newest >= self._pruned + _PRUNE_MINUTES:
            self._pruned = newest
            oldest = newest - MAX_WINDOW_S // MINUTE_S + 1
            connection.execute(sa.delete(table).where(table.c.minute < oldest))

    def _minute(self, connection: sa.Connection, service: str, number: int) -> Minute:
        key = (service, number)
        minute = self._minutes.get(key)
        if minute is None:
            table = schema.minutes
            body = connection.execute(
                sa.select(table.c.body).where(table.c.service == service, table.c.minute == number)
            ).scalar_one_or_none()
            minute = self._minutes[key] = _decoded(body, service)
            if len(self._minutes) > _MAX_OPEN_MINUTES:
                self._minutes.popitem(last=False)
        self._minutes.move_to_end(key)
        return minute

    def _leaf_id(self, connection: sa.Connection, leaf: Leaf) -> int:
        if not self._leaf_ids:
            self._leaf_ids = read_leaves(connection)
        number = self._leaf_ids.get(leaf)
        if number is None:
            number = max(self._leaf_ids.values(), default=0) + 1
            connection.execute(sa.insert(schema.leaves).values(id=number, **leaf._asdict()))
            self._leaf_ids[leaf] = number
        return number


def _decoded(body: bytes | None, service: str) -> Minute:
    """The minute so far. A damaged one is begun anew, since nothing can be added to it."""
    if body is None:
        return Minute()
    try:
        return decode(body)
    except MinuteError as error:
        log.error("store.minute.damaged", service=service, error=error)
        return Minute()


def read_leaves(connection: sa.Connection) -> dict[Leaf, int]:
    """The ids of all leaves ever counted."""
    table = schema.leaves
    columns = [table.c[label] for label in Leaf._fields]
    rows = connection.execute(sa.select(table.c.id, *columns))
    return {Leaf(*labels): number for number, *labels in rows}
