"""Incidents and maintenances as the store has them, followed: each look reads what is new. Blocks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import sqlalchemy as sa

from coalmine_aggregator.model.incident import Incident
from coalmine_aggregator.paging.silence import Silence, SilenceKind
from coalmine_aggregator.status.record import Recorded
from coalmine_aggregator.store import schema
from coalmine_aggregator.store.incident_log import decoded, entries_of
from coalmine_aggregator.store.paging_log import decode_silence
from coalmine_runtime.logs import get_logger

log = get_logger("status_page")

_AT_ONCE: Final = 1_000
_OVERLAP_S: Final = 3_600.0
"""Maintenances that ended so long before the last look are read once more."""


class Past:
    """What was read so far. Raises what SQLAlchemy does."""

    def __init__(self) -> None:
        self._version = 0
        self._incidents: dict[int, Recorded] = {}
        self._maintenances: dict[str, Silence] = {}
        self._looked_at: float | None = None

    @property
    def incidents(self) -> tuple[Recorded, ...]:
        """In order of number; one that did not change is the very same object as before."""
        return tuple(self._incidents[number] for number in sorted(self._incidents))

    @property
    def maintenances(self) -> tuple[Silence, ...]:
        """Those that customers are told of."""
        return tuple(self._maintenances.values())

    def went_back(self, connection: sa.Connection) -> bool:
        """Whether the store knows less than it did: an older one was put in its place."""
        newest = connection.execute(sa.select(sa.func.max(schema.incidents.c.version))).scalar_one()
        return (newest or 0) < self._version

    def read(self, connection: sa.Connection, now: float) -> None:
        """Reads what is new. `now` is the time of this look."""
        self._read_incidents(connection)
        self._read_maintenances(connection)
        self._looked_at = now

    def _read_incidents(self, connection: sa.Connection) -> None:
        table = schema.incidents
        while True:
            rows = connection.execute(
                sa.select(table.c.version, table.c.body)
                .where(table.c.version > self._version)
                .order_by(table.c.version)
                .limit(_AT_ONCE)
            ).all()
            for incident in decoded(row.body for row in rows):
                self._incidents[incident.number] = self._recorded(connection, incident)
            if rows:
                self._version = rows[-1].version
            if len(rows) < _AT_ONCE:
                return

    def _recorded(self, connection: sa.Connection, incident: Incident) -> Recorded:
        before = self._incidents.get(incident.number)
        entries = () if before is None else before.entries
        newest = entries[-1].sequence if entries else 0
        return Recorded(incident, (*entries, *entries_of(connection, incident.number, newest)))

    def _read_maintenances(self, connection: sa.Connection) -> None:
        table = schema.silences
        query = sa.select(table.c.id, table.c.body).where(table.c.kind == str(SilenceKind.MAINTENANCE))
        if self._looked_at is not None:
            query = query.where(table.c.ends_at > self._looked_at - _OVERLAP_S)
        for silence in _silences(connection.execute(query)):
            if silence.public:
                self._maintenances[silence.id] = silence
            else:
                self._maintenances.pop(silence.id, None)


def _silences(rows: Iterable[sa.Row[tuple[str, str]]]) -> Iterable[Silence]:
    for row in rows:
        try:
            yield decode_silence(row.body)
        except (ValueError, KeyError, TypeError) as error:
            log.error("status_page.maintenance.unreadable", id=row.id, error=error)
