"""The pages of a span of time, for the weekly review: the alerts, and when each was first told."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from coalmine_aggregator.model.alerts import Alert
from coalmine_aggregator.reading.alerts import decoded
from coalmine_aggregator.store import schema

MAX_ALERTS: Final = 20_000
"""Alerts that one review looks at, the newest ones."""


def opened_between(connection: sa.Connection, first: float, end: float) -> list[Alert]:
    """The alerts that opened from `first` until before `end`, seconds since the epoch."""
    table = schema.alerts
    rows = connection.execute(
        sa.select(table.c.body)
        .where(table.c.opened_at >= first, table.c.opened_at < end)
        .order_by(table.c.number.desc())
        .limit(MAX_ALERTS)
    )
    return list(decoded(rows.scalars()))


def first_told(connection: sa.Connection, first: float, end: float) -> dict[int, float]:
    """When the first message about each of these alerts was made, by number; the others were told to
    nobody."""
    alerts, changes, outbox = schema.alerts, schema.transitions, schema.outbox
    rows = connection.execute(
        sa.select(changes.c.number, sa.func.min(outbox.c.made_at).label("at"))
        .join(outbox, outbox.c.transition == changes.c.id)
        .join(alerts, alerts.c.number == changes.c.number)
        .where(alerts.c.opened_at >= first, alerts.c.opened_at < end)
        .group_by(changes.c.number)
    )
    return {row.number: row.at for row in rows}
