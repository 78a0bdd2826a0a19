"""Who was told of an alert, as the outbox has it."""

from __future__ import annotations

from typing import Final, NamedTuple

import sqlalchemy as sa

from coalmine_aggregator.model.alerts import Change
from coalmine_aggregator.store import schema

MAX_TOLD: Final = 500
"""Messages about one alert that are read at once, the newest ones."""


class Told(NamedTuple):
    """One message to one receiver; fields as in `pending.Delivery`."""

    receiver: str
    target: str
    step: int
    repeat: int
    change: Change
    made_at: float
    attempts: int
    delivered_at: float | None
    dead: str | None
    error: str | None


def told(connection: sa.Connection, number: int) -> list[Told]:
    """The messages about an alert, by its number, the oldest first."""
    outbox, transitions = schema.outbox, schema.transitions
    rows = connection.execute(
        sa.select(
            outbox.c.receiver,
            outbox.c.target,
            outbox.c.step,
            outbox.c.repeat,
            outbox.c.change,
            outbox.c.made_at,
            outbox.c.attempts,
            outbox.c.delivered_at,
            outbox.c.dead,
            outbox.c.error,
        )
        .join(transitions, transitions.c.id == outbox.c.transition)
        .where(transitions.c.number == number)
        .order_by(outbox.c.made_at.desc(), outbox.c.receiver.desc(), outbox.c.target.desc())
        .limit(MAX_TOLD)
    )
    return [
        Told(
            row.receiver,
            row.target,
            row.step,
            row.repeat,
            Change(row.change),
            row.made_at,
            row.attempts,
            row.delivered_at,
            row.dead,
            row.error,
        )
        for row in rows
    ][::-1]
