"""Remediation's part of the store: what became of nodes, and what people pinned.

It is written with the pager's part, so that people are answered when it is on disk. Blocks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
import sqlalchemy as sa

from coalmine_aggregator.model.pin import PinChange, PinState
from coalmine_aggregator.model.remediation_event import RemediationEvent, RemediationKind
from coalmine_aggregator.model.remediation_log import LoggedEvent
from coalmine_aggregator.store import schema
from coalmine_aggregator.store.database import storable, upsert
from coalmine_runtime.logs import get_logger

log = get_logger("store")

MAX_TEXT = 2_000
"""Characters of a text, and of a line of evidence, that are kept."""

MAX_EVIDENCE = 20


def write_remediation(
    connection: sa.Connection, events: Mapping[int, RemediationEvent], pins: Iterable[PinChange]
) -> None:
    """Adds or replaces."""
    upsert(
        connection,
        schema.remediation_log,
        [
            {
                "id": number,
                "at": event.at,
                "kind": str(event.kind),
                "service": storable(event.service),
                "node": storable(event.node),
                "body": encode_event(event),
            }
            for number, event in events.items()
        ],
    )
    upsert(
        connection,
        schema.pins,
        [
            {
                "service": storable(pin.service),
                "node": storable(pin.node),
                "state": None if pin.state is None else str(pin.state),
                "by": storable(pin.by),
                "why": storable(pin.why[:MAX_TEXT]),
                "at": pin.at,
            }
            for pin in pins
        ],
    )


def next_event_number(connection: sa.Connection) -> int:
    """The first number never used."""
    newest = connection.execute(sa.select(sa.func.max(schema.remediation_log.c.id))).scalar_one()
    return (newest or 0) + 1


def read_events(
    connection: sa.Connection, *, before: int, limit: int, service: str = "", node: str = ""
) -> list[LoggedEvent]:
    """At most `limit` events with numbers below `before`, the newest first; only those of this service
    and this node where these are not empty. What cannot be read is told and left out."""
    table = schema.remediation_log
    query = (
        sa.select(table.c.id, table.c.body)
        .where(table.c.id < before)
        .order_by(table.c.id.desc())
        .limit(limit)
    )
    if service:
        query = query.where(table.c.service == service)
    if node:
        query = query.where(table.c.node == node)
    found = []
    for row in connection.execute(query):
        try:
            found.append(LoggedEvent(row.id, decode_event(row.body)))
        except (ValueError, KeyError, TypeError) as error:
            log.error("store.remediation.unreadable", id=row.id, error=error)
    return found


def read_pins(connection: sa.Connection) -> list[PinChange]:
    """The newest word on every node, the oldest first."""
    table = schema.pins
    found = []
    for row in connection.execute(sa.select(table).order_by(table.c.at)):
        try:
            state = None if row.state is None else PinState(row.state)
        except ValueError as error:
            log.error("store.pin.unreadable", service=row.service, node=row.node, error=error)
            continue
        found.append(PinChange(row.service, row.node, state, row.by, row.why, row.at))
    return found


def encode_event(event: RemediationEvent) -> str:
    """One JSON object, as every database takes it."""
    body: dict[str, Any] = {
        name: storable(value[:MAX_TEXT]) if isinstance(value, str) else value
        for name, value in event._asdict().items()
    }
    body["evidence"] = [storable(line[:MAX_TEXT]) for line in event.evidence[:MAX_EVIDENCE]]
    return msgspec.json.encode(body).decode()


def decode_event(text: str) -> RemediationEvent:
    """The event; raises ValueError, KeyError or TypeError for anything else."""
    body: dict[str, Any] = msgspec.json.decode(text)
    body["kind"] = RemediationKind(body["kind"])
    body["evidence"] = tuple(body["evidence"])
    return RemediationEvent(**{name: body[name] for name in RemediationEvent._fields if name in body})
