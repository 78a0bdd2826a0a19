"""Reading the store back: what a start needs, and what pages show. Blocks: runs on a thread."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from coalmine_aggregator.model.alerts import Alert, AlertClass, Transition
from coalmine_aggregator.model.restored import MOST_CLOSED, Restored
from coalmine_aggregator.model.slo_minutes import (
    MAX_WINDOW_S,
    MINUTE_COLUMNS,
    MINUTE_S,
    MinuteSums,
)
from coalmine_aggregator.model.slot_counts import SlotCounts
from coalmine_aggregator.store import alert_codec, schema
from coalmine_aggregator.store.pending import TOLD_BY, Delivery
from coalmine_aggregator.store.recorded import Recorded
from coalmine_runtime import clock
from coalmine_runtime.logs import get_logger
from coalmine_wire.reports import Birth, ReportError, State, decode_birth, decode_state
from coalmine_wire.slots import REVISABLE_S

log = get_logger("store")

RECENT_MINUTES = 10
"""Minutes of counts that a start takes over."""

MAX_EXPLAINED = 1_000
"""Transitions of one alert that are read at once."""

_MAX_NUMBER = 2**63 - 1


class Standing(NamedTuple):
    """The outbox as a start finds it.

    `pending` are the deliveries not settled, in order of transition. `standing` are the last
    transitions of alerts that are open or were closed not long ago: some receivers are told of
    those again and again. `told` are the numbers of these alerts with each receiver that was to hear
    of them; `heard` those with each receiver and person that has, also of what is pending, from here or
    from the other aggregator of a pair.
    """

    pending: tuple[Delivery, ...]
    standing: tuple[Transition, ...]
    told: frozenset[tuple[int, str]]
    heard: frozenset[tuple[int, str, str]]


def restored(connection: sa.Connection) -> Restored:
    """Everything that the engine takes over. A message of a foreign schema is left out."""
    recent = _recent(connection)
    last_slot = recent[-1].slot if recent else None
    table = schema.alerts
    open_rows = connection.execute(
        sa.select(table.c.body).where(table.c.closed_at.is_(None)).order_by(table.c.number)
    )
    newest = connection.execute(sa.select(sa.func.max(table.c.number))).scalar_one()
    frozen = (last_slot or 0) - REVISABLE_S
    exceptions = connection.execute(
        sa.select(schema.exceptions.c.slot, schema.exceptions.c.body)
        .where(schema.exceptions.c.slot >= frozen)
        .order_by(schema.exceptions.c.slot)
    )
    closed_rows = connection.execute(
        sa.select(table.c.body)
        .where(table.c.closed_at >= frozen, table.c.dedup_key.like(f"%/%/{AlertClass.LOSS}/%"))
        .order_by(table.c.closed_at.desc(), table.c.number.desc())
        .limit(MOST_CLOSED)
    )
    return Restored(
        births=tuple(_births(connection)),
        states=tuple(_states(connection)),
        last_slot=last_slot,
        open_alerts=tuple(_alerts(open_rows.scalars())),
        closed_alerts=tuple(_alerts(closed_rows.scalars()))[::-1],
        next_number=(newest or 0) + 1,
        exceptions=tuple((slot, body) for slot, body in exceptions),
        recent=recent,
        slo=_slo(connection),
        learned=_learned(connection),
    )


def standing(connection: sa.Connection, closed_after: float) -> Standing:
    """The outbox, with the alerts that are open or were closed after that time."""
    outbox, log, alerts = schema.outbox, schema.transitions, schema.alerts
    rows = connection.execute(
        sa.select(
            outbox.c.transition,
            outbox.c.receiver,
            outbox.c.target,
            outbox.c.step,
            outbox.c.repeat,
            outbox.c.change,
            outbox.c.made_at,
            outbox.c.attempts,
            outbox.c.next_at,
            outbox.c.error,
            log.c.at,
            log.c.body,
        )
        .join(log, log.c.id == outbox.c.transition)
        .where(outbox.c.delivered_at.is_(None), outbox.c.dead.is_(None))
        .order_by(outbox.c.transition, outbox.c.step, outbox.c.repeat, outbox.c.made_at)
    )
    pending = tuple(
        Delivery(
            transition_id=row.transition,
            receiver=row.receiver,
            transition=alert_codec.decode_transition(row.change, row.at, row.body),
            target=row.target,
            step=row.step,
            repeat=row.repeat,
            made_at=row.made_at,
            attempts=row.attempts,
            next_at=row.next_at,
            error=row.error,
        )
        for row in rows
    )
    last = sa.select(log.c.number, sa.func.max(log.c.id).label("id")).group_by(log.c.number).subquery()
    stands = alerts.c.closed_at.is_(None) | (alerts.c.closed_at > closed_after)
    rows = connection.execute(
        sa.select(log.c.change, log.c.at, log.c.body)
        .join(last, log.c.id == last.c.id)
        .join(alerts, alerts.c.number == last.c.number)
        .where(stands)
        .order_by(log.c.id)
    )
    still = tuple(alert_codec.decode_transition(row.change, row.at, row.body) for row in rows)
    concerned = sa.select(alerts.c.number).where(
        stands | alerts.c.number.in_({delivery.transition.alert.number for delivery in pending})
    )
    rows = connection.execute(
        sa.select(
            log.c.number, outbox.c.receiver, outbox.c.target, outbox.c.delivered_at, outbox.c.dead
        )
        .join(log, log.c.id == outbox.c.transition)
        .where(log.c.number.in_(concerned))
    )
    told, heard = set(), set()
    for row in rows:
        told.add((row.number, row.receiver))
        if row.delivered_at is not None or (row.dead or "").startswith(TOLD_BY):
            heard.add((row.number, row.receiver, row.target))
    return Standing(pending, still, frozenset(told), frozenset(heard))


def next_id(connection: sa.Connection) -> int:
    """The first transition id never used."""
    newest = connection.execute(sa.select(sa.func.max(schema.transitions.c.id))).scalar_one()
    return (newest or 0) + 1


def recent_alerts(connection: sa.Connection, limit: int) -> list[Alert]:
    """The newest alerts, open or closed, newest first."""
    table = schema.alerts
    rows = connection.execute(sa.select(table.c.body).order_by(table.c.number.desc()).limit(limit))
    return list(_alerts(rows.scalars()))


def find_alert(connection: sa.Connection, ref: str) -> Alert | None:
    """The alert of a number, or the newest one of an id such as `ingest-loss-1`; None without one."""
    table = schema.alerts
    if ref.isascii() and ref.isdecimal():
        if len(ref) >= len(str(_MAX_NUMBER)):
            return None
        which = table.c.number == int(ref)
    else:
        service, alert_class, ordinal = ("", "", *ref.rsplit("-", 2))[-3:]
        if not service or alert_class not in set(AlertClass):
            return None
        # The key begins with the fleet, whose name has no slash.
        which = table.c.dedup_key.endswith(f"/{service}/{alert_class}/{ordinal}", autoescape=True)
    rows = connection.execute(
        sa.select(table.c.body).where(which).order_by(table.c.number.desc()).limit(1)
    )
    return next(_alerts(rows.scalars()), None)


def explained(connection: sa.Connection, number: int) -> list[Transition]:
    """All transitions of an alert, the oldest first, the last `MAX_EXPLAINED` of them and the first."""
    table = schema.transitions
    mine = sa.select(table.c.id, table.c.change, table.c.at, table.c.body).where(
        table.c.number == number
    )
    rows = list(connection.execute(mine.order_by(table.c.id.desc()).limit(MAX_EXPLAINED)))[::-1]
    if len(rows) == MAX_EXPLAINED:
        first = connection.execute(mine.order_by(table.c.id).limit(1)).one()
        if first.id != rows[0].id:
            rows.insert(0, first)
    found = []
    for row in rows:
        try:
            found.append(alert_codec.decode_transition(row.change, row.at, row.body))
        except (ValueError, KeyError, TypeError) as error:
            log.error("store.transition.unreadable", id=row.id, error=error)
    return found


def _slo(connection: sa.Connection) -> dict[str, NDArray[np.int64]]:
    """The minutes of every service's objective, none older than any objective looks back, and none that
    a clock left there which was ahead."""
    table = schema.slo_minutes
    past = table.c.minute <= int(clock.wall()) // MINUTE_S
    newest = connection.execute(sa.select(sa.func.max(table.c.minute)).where(past)).scalar_one()
    if newest is None:
        return {}
    oldest = newest - MAX_WINDOW_S // MINUTE_S + 1
    columns = (table.c.minute, *(table.c[name] for name in MinuteSums._fields))
    found = {}
    for service in connection.execute(sa.select(table.c.service).distinct()).scalars().all():
        rows = connection.execute(
            sa.select(*columns)
            .where(table.c.service == service, table.c.minute.between(oldest, newest))
            .order_by(table.c.minute)
        )
        flat = np.fromiter(itertools.chain.from_iterable(rows), dtype=np.int64)
        if flat.size:
            found[service] = flat.reshape(-1, MINUTE_COLUMNS)
    return found


def _learned(connection: sa.Connection) -> dict[str, str]:
    rows = connection.execute(sa.select(schema.learned.c.name, schema.learned.c.body))
    return {row.name: row.body for row in rows}


def _recent(connection: sa.Connection) -> tuple[SlotCounts, ...]:
    """The counts of the last minutes of which anything was kept."""
    recorded = Recorded(connection)
    bounds = recorded.bounds(connection)
    if bounds is None:
        return ()
    end = (bounds[1] + 1) * MINUTE_S
    return tuple(recorded.slots(connection, end - RECENT_MINUTES * MINUTE_S, end - 1))


def _lives(connection: sa.Connection, table: sa.Table) -> Iterator[bytes]:
    """Messages in the order heard: each agent's last one, and all of the last 24 h."""
    newest = connection.execute(sa.select(sa.func.max(table.c.heard_at))).scalar_one()
    last = (
        sa.select(table.c.agent, sa.func.max(table.c.heard_at).label("at"))
        .group_by(table.c.agent)
        .subquery()
    )
    still = (table.c.heard_at == last.c.at) | (table.c.heard_at >= (newest or 0.0) - REVISABLE_S)
    rows = connection.execute(
        sa.select(table.c.body)
        .join(last, last.c.agent == table.c.agent)
        .where(still)
        .order_by(table.c.heard_at)
    )
    return (body for (body,) in rows)


def _births(connection: sa.Connection) -> Iterator[Birth]:
    for body in _lives(connection, schema.births):
        try:
            yield decode_birth(body)
        except ReportError as error:
            log.warning("store.birth.unreadable", error=error)


def _states(connection: sa.Connection) -> Iterator[State]:
    for body in _lives(connection, schema.states):
        try:
            yield decode_state(body)
        except ReportError as error:
            log.warning("store.state.unreadable", error=error)


def _alerts(bodies: Iterable[str]) -> Iterator[Alert]:
    for body in bodies:
        try:
            yield alert_codec.decode(body)
        except (ValueError, KeyError) as error:
            log.error("store.alert.unreadable", error=error)
