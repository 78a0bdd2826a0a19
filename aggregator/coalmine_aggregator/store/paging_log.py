"""What paging is to remember over a restart: what was told of open alerts, and silences."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa

from coalmine_aggregator.model.alerts import AlertClass, Severity
from coalmine_aggregator.paging.match import Match
from coalmine_aggregator.paging.order import Made
from coalmine_aggregator.paging.silence import Silence, SilenceKind
from coalmine_aggregator.store import schema
from coalmine_aggregator.store.database import storable, upsert
from coalmine_runtime.logs import get_logger

log = get_logger("store")


class PagingPast(NamedTuple):
    """What a start takes over: what was made of open alerts for receivers, and the silences that are
    not over."""

    made: tuple[Made, ...]
    silences: tuple[Silence, ...]


class Round(NamedTuple):
    """The transition that opened an alert, or made a page of it `at` that time (seconds since the
    epoch): all are told anew from then on; and the `newest` one of the alert."""

    transition: int
    severity: Severity
    at: float
    newest: int


def read_rounds(connection: sa.Connection) -> dict[int, Round]:
    """The rounds that last, by the number of each open alert."""
    alerts, transitions = schema.alerts, schema.transitions
    rows = connection.execute(
        sa.select(transitions.c.number, transitions.c.id, transitions.c.at, transitions.c.body)
        .join(alerts, alerts.c.number == transitions.c.number)
        .where(alerts.c.closed_at.is_(None))
        .order_by(transitions.c.id)
    )
    found: dict[int, Round] = {}
    for row in rows:
        severity, before = _severity(row.body), found.get(row.number)
        if before is None or before.severity is not severity:
            found[row.number] = Round(row.id, severity, row.at, row.id)
        else:
            found[row.number] = before._replace(newest=row.id)
    return found


def paging_past(connection: sa.Connection, now: float) -> PagingPast:
    """All of it. `now` is the time at which silences are not over."""
    return PagingPast(tuple(_made(connection)), silences(connection, now))


def silences(
    connection: sa.Connection, over_after: float, limit: int | None = None
) -> tuple[Silence, ...]:
    """The silences that end after that time (seconds since the epoch), the newest `limit` of them, in
    the order in which they begin."""
    table = schema.silences
    ends = sa.case((table.c.ended_at < table.c.ends_at, table.c.ended_at), else_=table.c.ends_at)
    rows = connection.execute(
        sa.select(table.c.id, table.c.body)
        .where(ends > over_after)
        .order_by(table.c.starts_at.desc(), table.c.id.desc())
        .limit(limit)
    )
    found = []
    for row in rows:
        try:
            found.append(decode_silence(row.body))
        except (ValueError, KeyError, TypeError) as error:
            log.error("store.silence.unreadable", id=row.id, error=error)
    return tuple(reversed(found))


def write_silences(connection: sa.Connection, waiting: Iterable[Silence]) -> None:
    """Adds or replaces."""
    upsert(
        connection,
        schema.silences,
        [
            {
                "id": silence.id,
                "kind": str(silence.kind),
                "body": encode_silence(silence),
                "starts_at": silence.starts_at,
                "ends_at": silence.ends_at,
                "ended_at": silence.ended_at,
            }
            for silence in waiting
        ],
    )


def encode_silence(silence: Silence) -> str:
    """One JSON object, ASCII or not, as every database takes it."""
    match = silence.match._asdict()
    match["labels"] = dict(silence.match.labels)
    return storable(msgspec.json.encode({**silence._asdict(), "match": match}).decode())


def decode_silence(text: str) -> Silence:
    """The silence; raises ValueError, KeyError or TypeError for anything else."""
    body: dict[str, Any] = msgspec.json.decode(text)
    match = body["match"]
    body["kind"] = SilenceKind(body["kind"])
    body["match"] = Match(
        services=tuple(match["services"]),
        classes=tuple(AlertClass(each) for each in match["classes"]),
        severities=tuple(Severity(each) for each in match["severities"]),
        locations=tuple(match["locations"]),
        labels=tuple(match["labels"].items()),
    )
    return Silence(**{name: body[name] for name in Silence._fields if name in body})


def _made(connection: sa.Connection) -> Iterator[Made]:
    """What the outbox has of open alerts."""
    alerts, transitions, outbox = schema.alerts, schema.transitions, schema.outbox
    rows = connection.execute(
        sa.select(
            transitions.c.number,
            transitions.c.body,
            outbox.c.receiver,
            outbox.c.target,
            outbox.c.step,
            outbox.c.repeat,
            outbox.c.made_at,
        )
        .join(transitions, transitions.c.id == outbox.c.transition)
        .join(alerts, alerts.c.number == transitions.c.number)
        .where(alerts.c.closed_at.is_(None))
        .order_by(outbox.c.made_at, outbox.c.transition)
    )
    for row in rows:
        yield Made(
            row.number,
            _severity(row.body),
            row.receiver,
            row.target,
            row.step,
            row.repeat,
            row.made_at,
        )


def _severity(body: str) -> Severity:
    return Severity(msgspec.json.decode(body)["severity"])
