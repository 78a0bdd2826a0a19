"""The incidents of a span of time, for their numbers."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from coalmine_aggregator.model.incident import Incident
from coalmine_aggregator.store import schema
from coalmine_aggregator.store.incident_log import decoded

MAX_INCIDENTS: Final = 20_000
"""As many are looked at, the newest ones."""


def incidents_opened(connection: sa.Connection, first: float, end: float) -> list[Incident]:
    """The incidents that opened from `first` until before `end`, seconds since the epoch."""
    table = schema.incidents
    rows = connection.execute(
        sa.select(table.c.body)
        .where(table.c.opened_at >= first, table.c.opened_at < end)
        .order_by(table.c.number.desc())
        .limit(MAX_INCIDENTS)
    )
    return decoded(rows.scalars())
