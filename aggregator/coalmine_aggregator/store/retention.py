"""How long history is kept, and letting go of what is older: a little at a time."""

from __future__ import annotations

from typing import Final, NamedTuple

import sqlalchemy as sa

from coalmine_aggregator.store import schema
from coalmine_aggregator.store.rollups import HOUR_S, MINUTE_S
from coalmine_aggregator.store.rosters import UNUSED_MINUTES

DAY_S: Final = 86_400

PIECE_S: Final = 6 * 3_600
"""Of each kind so much is let go of at once. With a look a minute, a clock that stays a year ahead
costs six hours of the oldest history a minute and not all of it at once."""

ROWS_AT_ONCE: Final = 1_000
"""Of lives, births and states, and of entries of the audit log and of remediation's."""


class Retention(NamedTuple):
    """Seconds for which each kind is kept. Alerts and incidents are kept for good."""

    seconds_s: int = 365 * DAY_S
    minutes_s: int = 730 * DAY_S
    hours_s: int = 3_650 * DAY_S
    step_times_s: int = 14 * DAY_S
    lives_s: int = 730 * DAY_S
    audit_s: int = 730 * DAY_S
    remediation_s: int = 730 * DAY_S


KEPT: Final = Retention()
"""Unless told otherwise."""


def prune(connection: sa.Connection, retention: Retention, newest: int) -> None:
    """Lets go of what is too old at slot `newest`, `PIECE_S` at most of each kind and service."""
    services = connection.execute(sa.select(schema.series.c.service).distinct()).scalars().all()
    for service in services:
        _seconds(connection, service, newest - retention.seconds_s)
        for table, step_s, kept_s in (
            (schema.sums, MINUTE_S, retention.minutes_s),
            (schema.sums, HOUR_S, retention.hours_s),
            (schema.step_times, MINUTE_S, retention.step_times_s),
            (schema.step_times, HOUR_S, retention.hours_s),
        ):
            _rollups(connection, table, service, step_s, newest - kept_s)


def _seconds(connection: sa.Connection, service: str, cut: int) -> None:
    table, rosters = schema.seconds, schema.rosters
    mine = table.c.service == service
    oldest = connection.execute(sa.select(sa.func.min(table.c.minute)).where(mine)).scalar_one()
    if oldest is None:
        return
    until = min(cut // 60, oldest + PIECE_S // 60)
    if until > oldest:
        connection.execute(sa.delete(table).where(mine, table.c.minute < until))
        oldest = connection.execute(sa.select(sa.func.min(table.c.minute)).where(mine)).scalar_one()
        # In use is noted once in a while only, see `rosters`.
        unused = rosters.c.used < (until if oldest is None else oldest) - UNUSED_MINUTES
        connection.execute(sa.delete(rosters).where(rosters.c.service == service, unused))


def _rollups(connection: sa.Connection, table: sa.Table, service: str, step_s: int, cut: int) -> None:
    mine = sa.and_(table.c.service == service, table.c.step_s == step_s)
    oldest = connection.execute(sa.select(sa.func.min(table.c.start)).where(mine)).scalar_one()
    # Of hours a month at once, which are as many rows as a piece of minutes has.
    until = min(cut, (oldest or 0) + PIECE_S * step_s // MINUTE_S)
    if oldest is not None and until > oldest:
        connection.execute(sa.delete(table).where(mine, table.c.start < until))


def prune_lives(connection: sa.Connection, retention: Retention, newest: int) -> None:
    """Lets go of some old lives, births and states; what an agent said last stays: it is still so."""
    cut = newest - retention.lives_s
    lives = schema.lives
    stands = sa.select(sa.func.max(lives.c.id)).group_by(lives.c.agent)
    old = (
        sa.select(lives.c.id)
        .where(lives.c.at < cut, lives.c.id.not_in(stands))
        .order_by(lives.c.at)
        .limit(ROWS_AT_ONCE)
    )
    gone = connection.execute(old).scalars().all()
    if gone:
        connection.execute(sa.delete(lives).where(lives.c.id.in_(gone)))
    for table in (schema.births, schema.states):
        last = (
            sa.select(table.c.agent, sa.func.max(table.c.heard_at).label("at"))
            .group_by(table.c.agent)
            .subquery()
        )
        keys = [column for column in table.primary_key if column.name != "agent"]
        rows = connection.execute(
            sa.select(table.c.agent, *keys)
            .join(last, last.c.agent == table.c.agent)
            .where(table.c.heard_at < cut, table.c.heard_at < last.c.at)
            .limit(ROWS_AT_ONCE)
        ).all()
        if rows:
            connection.execute(
                sa.delete(table).where(
                    *(column == sa.bindparam(f"old_{column.name}") for column in table.primary_key)
                ),
                [{f"old_{name}": value for name, value in row._mapping.items()} for row in rows],
            )


def prune_logs(connection: sa.Connection, retention: Retention, newest: int) -> None:
    """Lets go of some old entries of what people and of what remediation did; the newest of each stays,
    for the numbers go on from it. With them go pins that were released as long ago."""
    _log(connection, schema.audit, newest - retention.audit_s)
    cut = newest - retention.remediation_s
    _log(connection, schema.remediation_log, cut)
    pins = schema.pins
    connection.execute(sa.delete(pins).where(pins.c.state.is_(None), pins.c.at < cut))


def _log(connection: sa.Connection, table: sa.Table, cut: int) -> None:
    old = (
        sa.select(table.c.id)
        .where(table.c.at < cut)
        .where(table.c.id < sa.select(sa.func.max(table.c.id)).scalar_subquery())
        .order_by(table.c.id)
        .limit(ROWS_AT_ONCE)
    )
    gone = connection.execute(old).scalars().all()
    if gone:
        connection.execute(sa.delete(table).where(table.c.id.in_(gone)))
