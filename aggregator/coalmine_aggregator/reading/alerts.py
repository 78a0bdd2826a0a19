"""Alerts of any time: those open then, as they stood then, and pages of all that were ever closed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import sqlalchemy as sa

from coalmine_aggregator.model.alerts import Alert, AlertClass
from coalmine_aggregator.store import alert_codec, schema
from coalmine_runtime.logs import get_logger

log = get_logger("reading")

MAX_OPEN = 1_000
"""Alerts that are told as open at one time."""


class AlertPlace(NamedTuple):
    """Where a page ended: the last alert's end, and its number."""

    closed_at: float
    number: int


class AlertsWanted(NamedTuple):
    """Closed alerts of a service and class (None: of any) that were open at some time from `first` to
    `last`, and closed by `closed_by`, seconds since the epoch (None: whenever)."""

    service: str | None = None
    alert_class: AlertClass | None = None
    first: float | None = None
    last: float | None = None
    closed_by: float | None = None


def closed(
    connection: sa.Connection, wanted: AlertsWanted, after: AlertPlace | None, limit: int
) -> list[Alert]:
    """At most `limit` closed alerts, those that closed last first, after a place."""
    table = schema.alerts
    query = sa.select(table.c.body).where(table.c.closed_at.is_not(None))
    if wanted.service is not None or wanted.alert_class is not None:
        # A key is fleet/service/class/ordinal, none of which has a slash.
        service = _literal(wanted.service) if wanted.service is not None else "%"
        like = f"%/{service}/{wanted.alert_class or '%'}/%"
        query = query.where(table.c.dedup_key.like(like, escape="\\"))
    if wanted.last is not None:
        query = query.where(table.c.opened_at <= wanted.last)
    if wanted.first is not None:
        query = query.where(table.c.closed_at >= wanted.first)
    if wanted.closed_by is not None:
        query = query.where(table.c.closed_at <= wanted.closed_by)
    if after is not None:
        earlier = (table.c.closed_at == after.closed_at) & (table.c.number < after.number)
        query = query.where(table.c.closed_at <= after.closed_at).where(
            (table.c.closed_at < after.closed_at) | earlier
        )
    query = query.order_by(table.c.closed_at.desc(), table.c.number.desc()).limit(limit)
    return list(decoded(connection.execute(query).scalars()))


def open_at(connection: sa.Connection, at: float) -> list[Alert]:
    """The alerts that were open at a time, as their last change by then left them, the oldest first."""
    alerts, changes = schema.alerts, schema.transitions
    last = (
        sa.select(changes.c.number, sa.func.max(changes.c.id).label("id"))
        .join(alerts, alerts.c.number == changes.c.number)
        .where(
            alerts.c.closed_at.is_(None) | (alerts.c.closed_at > at),
            alerts.c.opened_at <= at,
            changes.c.at <= at,
        )
        .group_by(changes.c.number)
        .order_by(changes.c.number)
        .limit(MAX_OPEN)
        .subquery()
    )
    rows = connection.execute(
        sa.select(changes.c.body).join(last, last.c.id == changes.c.id).order_by(changes.c.number)
    )
    return list(decoded(rows.scalars()))


def decoded(bodies: Iterable[str]) -> Iterator[Alert]:
    """The alerts, from their rows or those of their transitions; what cannot be read is left out."""
    for body in bodies:
        try:
            yield alert_codec.decode_transition("changed", 0.0, body).alert
        except (ValueError, KeyError, TypeError) as error:
            log.error("reading.alert.unreadable", error=error)


def _literal(text: str) -> str:
    for special in ("\\", "%", "_"):
        text = text.replace(special, f"\\{special}")
    return text
