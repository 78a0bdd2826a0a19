"""The incidents' part of the store: rows that only grow, none ever let go of. Blocks.

They are written in the transaction of the alerts that made them. What cannot be written at all, by a
fault of ours, must not keep those back: it is left out, told in the log and counted.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as Set
from functools import partial
from typing import Any, Final, NamedTuple, TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import DataError, IntegrityError, ProgrammingError

from coalmine_aggregator.model.incident import Entry, Incident
from coalmine_aggregator.model.incident_snapshot import Snapshot, SnapshotName
from coalmine_aggregator.model.incidents_wanted import IncidentsWanted
from coalmine_aggregator.store import incident_codec, schema
from coalmine_aggregator.store.database import storable, upsert
from coalmine_runtime.logs import get_logger

log = get_logger("store")

MAX_RECENT: Final = 1_000
"""Incidents that are over, and that a start takes over."""

MAX_NUMBER: Final = 2**63 - 1

_OUR_FAULT: Final = (
    DataError,
    IntegrityError,
    ProgrammingError,
    ValueError,
    TypeError,
    OverflowError,  # the drivers' own, for a number that no column holds
)

T = TypeVar("T")

Row = dict[str, Any]
_Making = tuple[sa.Table, Callable[[], Row]]


class IncidentsPast(NamedTuple):
    """What a start takes over: the incidents that stand, or were resolved not long ago, in order of
    number; the first number never used; and when snapshots of these incidents were made, seconds since
    the epoch."""

    incidents: tuple[Incident, ...]
    next_number: int
    snapshots: Mapping[tuple[int, SnapshotName], float]


def write_incidents(
    connection: sa.Connection,
    incidents: Collection[Incident],
    entries: Collection[Entry],
    snapshots: Collection[Snapshot],
) -> int:
    """Adds or replaces; returns how many could not be written."""
    rows: list[_Making] = []
    if incidents:
        last = _last_version(connection)
        for version, incident in enumerate(incidents, last + 1):
            rows.append((schema.incidents, partial(_incident_row, incident, version)))
    rows += [(schema.incident_entries, partial(_entry_row, entry)) for entry in entries]
    rows += [(schema.incident_snapshots, partial(_snapshot_row, each)) for each in snapshots]
    return 0 if not rows or _written(connection, rows) else _one_by_one(connection, rows)


def incidents_past(connection: sa.Connection, resolved_after: float) -> IncidentsPast:
    """Those that are open, or an alert of which is, and the newest `MAX_RECENT` of the others that were
    resolved after that time (seconds since the epoch)."""
    table = schema.incidents
    standing = connection.execute(sa.select(table.c.body).where(table.c.stands == 1))
    recent = connection.execute(
        sa.select(table.c.body)
        .where(table.c.stands == 0, table.c.resolved_at > resolved_after)
        .order_by(table.c.resolved_at.desc(), table.c.number.desc())
        .limit(MAX_RECENT)
    )
    found = [*decoded(standing.scalars()), *decoded(recent.scalars())]
    newest = connection.execute(sa.select(sa.func.max(table.c.number))).scalar_one()
    return IncidentsPast(
        tuple(sorted(found, key=lambda each: each.number)),
        (newest or 0) + 1,
        _snapshots_made(connection, {each.number for each in found}),
    )


def page_of(
    connection: sa.Connection, wanted: IncidentsWanted, before: int | None, limit: int
) -> list[Incident]:
    """At most `limit` incidents, the highest numbers first; only numbers below `before`, if any."""
    table = schema.incidents
    query = sa.select(table.c.body).where(table.c.state.in_(sorted(wanted.states)))
    if wanted.service is not None:
        query = query.where(table.c.service == wanted.service)
    if wanted.last is not None:
        query = query.where(table.c.opened_at <= wanted.last)
    if wanted.first is not None:
        query = query.where(table.c.resolved_at.is_(None) | (table.c.resolved_at >= wanted.first))
    if before is not None:
        query = query.where(table.c.number < before)
    return decoded(connection.execute(query.order_by(table.c.number.desc()).limit(limit)).scalars())


def find_incident(connection: sa.Connection, number: int) -> Incident | None:
    """The incident of this number; None where there is none."""
    if not 0 < number <= MAX_NUMBER:
        return None
    table = schema.incidents
    rows = connection.execute(sa.select(table.c.body).where(table.c.number == number))
    return next(iter(decoded(rows.scalars())), None)


def entries_of(
    connection: sa.Connection, number: int, after: int = 0, limit: int | None = None
) -> list[Entry]:
    """The entries of an incident whose sequence is above `after`, the oldest first."""
    table = schema.incident_entries
    rows = connection.execute(
        sa.select(table.c.body)
        .where(table.c.incident == number, table.c.sequence > after)
        .order_by(table.c.sequence)
        .limit(limit)
    )
    return decoded_entries(rows.scalars())


def snapshots_of(connection: sa.Connection, number: int) -> list[SnapshotName]:
    """Which snapshots there are of an incident, the oldest first."""
    table = schema.incident_snapshots
    rows = connection.execute(
        sa.select(table.c.name).where(table.c.incident == number).order_by(table.c.at)
    )
    return [SnapshotName(name) for name in rows.scalars()]


def find_snapshot(connection: sa.Connection, number: int, name: SnapshotName) -> Snapshot | None:
    """A snapshot of an incident; None where there is none yet."""
    if not 0 < number <= MAX_NUMBER:
        return None
    table = schema.incident_snapshots
    row = connection.execute(
        sa.select(table.c.at, table.c.body).where(table.c.incident == number, table.c.name == str(name))
    ).one_or_none()
    return None if row is None else Snapshot(number, name, row.at, row.body)


def decoded(bodies: Iterable[str]) -> list[Incident]:
    """The incidents, from their rows; what cannot be read is left out."""
    return list(_readable(bodies, incident_codec.decode, "store.incident.unreadable"))


def decoded_entries(bodies: Iterable[str]) -> list[Entry]:
    """The entries, from their rows; what cannot be read is left out."""
    return list(_readable(bodies, incident_codec.decode_entry, "store.entry.unreadable"))


def _readable(bodies: Iterable[str], decode: Callable[[str], T], event: str) -> Iterator[T]:
    for body in bodies:
        try:
            yield decode(body)
        except (ValueError, KeyError, TypeError) as error:
            log.error(event, error=error)


def _snapshots_made(
    connection: sa.Connection, numbers: Set[int]
) -> dict[tuple[int, SnapshotName], float]:
    table = schema.incident_snapshots
    rows = connection.execute(
        sa.select(table.c.incident, table.c.name, table.c.at).where(table.c.incident.in_(numbers))
    )
    return {(row.incident, SnapshotName(row.name)): row.at for row in rows}


def _last_version(connection: sa.Connection) -> int:
    newest = connection.execute(sa.select(sa.func.max(schema.incidents.c.version))).scalar_one()
    return newest or 0


def _written(connection: sa.Connection, rows: Sequence[_Making]) -> bool:
    """Whether all of them could be; else none is."""
    try:
        made: defaultdict[sa.Table, list[Row]] = defaultdict(list)
        for table, make in rows:
            made[table].append(make())
        with connection.begin_nested():
            for table, each in made.items():
                upsert(connection, table, each)
    except _OUR_FAULT:
        return False
    return True


def _one_by_one(connection: sa.Connection, rows: Sequence[_Making]) -> int:
    lost = 0
    for table, make in rows:
        try:
            row = make()
            with connection.begin_nested():
                upsert(connection, table, [row])
        except _OUR_FAULT as error:
            log.exception("store.incident.refused", error, table=table.name)
            lost += 1
    return lost


def _incident_row(incident: Incident, version: int) -> Row:
    return {
        "number": incident.number,
        "service": storable(incident.service),
        "state": str(incident.state),
        "opened_at": incident.opened_at,
        "resolved_at": _resolved_at(incident),
        "updated_at": incident.updated_at,
        "stands": int(_stands(incident)),
        "version": version,
        "body": incident_codec.encode(incident),
    }


def _resolved_at(incident: Incident) -> float | None:
    if incident.state.is_open:
        return None
    return incident.updated_at if incident.resolved_at is None else incident.resolved_at


def _stands(incident: Incident) -> bool:
    return incident.state.is_open or any(each.alert and each.last is None for each in incident.affected)


def _entry_row(entry: Entry) -> Row:
    return {
        "incident": entry.incident,
        "sequence": entry.sequence,
        "at": entry.at,
        "body": incident_codec.encode_entry(entry),
    }


def _snapshot_row(snapshot: Snapshot) -> Row:
    return {
        "incident": snapshot.incident,
        "name": str(snapshot.name),
        "at": snapshot.at,
        "body": snapshot.body,
    }
