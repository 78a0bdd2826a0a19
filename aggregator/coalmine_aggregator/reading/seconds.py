"""Seconds by series, as the store keeps them: rows of a service in pieces of columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import sqlalchemy as sa

from coalmine_aggregator.history.columns import Columns, pieces
from coalmine_aggregator.history.minute_layout import SECONDS
from coalmine_aggregator.metrics.questions import rows_read
from coalmine_aggregator.store import schema
from coalmine_runtime.logs import get_logger

log = get_logger("reading")

Row = tuple[int, bytes]

_ROWS = 1_000
"""Rows that are fetched at a time."""


def read(connection: sa.Connection, service: str, first: int, last: int) -> Iterator[Columns]:
    """What is kept of the minutes that the slots from `first` to `last` lie in, ascending."""
    table = schema.seconds
    rows = connection.execute(
        sa.select(table.c.minute, table.c.body)
        .where(table.c.service == service, table.c.minute.between(first // SECONDS, last // SECONDS))
        .order_by(table.c.minute),
        execution_options={"yield_per": _ROWS},
    )
    for columns in pieces(counted((minute, body) for minute, body in rows)):
        for minute, fault in columns.faults.items():
            log.error("reading.minute.damaged", service=service, minute=minute, fault=fault)
        if len(columns.seen_slot):
            yield columns


def counted(rows: Iterable[Row]) -> Iterator[Row]:
    """The rows themselves, told to the metrics in the end."""
    number = 0
    try:
        for row in rows:
            number += 1
            yield row
    finally:
        rows_read(number)


def newest_slot(connection: sa.Connection, services: Sequence[str]) -> int | None:
    """The newest second that is kept of any of these services."""
    table = schema.seconds
    newest: int | None = None
    for service in services:
        row = connection.execute(
            sa.select(table.c.minute, table.c.body)
            .where(table.c.service == service)
            .order_by(table.c.minute.desc())
            .limit(1)
        ).one_or_none()
        if row is None or (newest is not None and (row.minute + 1) * SECONDS <= newest):
            continue
        for columns in pieces([(row.minute, row.body)]):
            if len(columns.seen_slot):
                newest = max(newest or 0, int(columns.seen_slot[-1]))
    return newest


def oldest_minute(connection: sa.Connection, service: str) -> int | None:
    """The oldest minute (slot // 60) of which seconds are kept."""
    table = schema.seconds
    query = sa.select(sa.func.min(table.c.minute)).where(table.c.service == service)
    oldest: int | None = connection.execute(query).scalar_one()
    return oldest
