"""The audit log's part of the store: what waits for it, writing and reading it.

It is committed as soon as there is any, apart from the pager's part, so that nothing in it can keep a
page back. Entries that cannot be written wait, `MAX_WAITING` of them; past that the oldest are given up
and counted.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

import sqlalchemy as sa

from coalmine_aggregator.model.audit_entry import AuditEntry
from coalmine_aggregator.store import schema
from coalmine_aggregator.store.database import upsert

MAX_WAITING = 10_000


class WaitingAudit:
    """Entries on their way, each with its number. `dropped(kind, count)` hears what was given up."""

    def __init__(self, next_number: int, dropped: Callable[[str, int], None]) -> None:
        self._next = next_number
        self._dropped = dropped
        self._entries: deque[AuditEntry] = deque()

    def __len__(self) -> int:
        return len(self._entries)

    def put(self, entry: AuditEntry) -> None:
        """Adds an entry under the next number."""
        self._entries.append(entry._replace(number=self._next))
        self._next += 1
        if len(self._entries) > MAX_WAITING:
            self._entries.popleft()
            self._dropped("audit", 1)

    def waiting(self) -> tuple[AuditEntry, ...]:
        """All of them, the oldest first."""
        return tuple(self._entries)

    def forget(self, batch: Sequence[AuditEntry]) -> None:
        """These are done with."""
        last = batch[-1].number
        while self._entries and self._entries[0].number <= last:
            self._entries.popleft()


def commit_audit(engine: sa.Engine, entries: Sequence[AuditEntry]) -> None:
    """Writes entries: all or none, and none twice. Blocks."""
    with engine.begin() as connection:
        upsert(
            connection,
            schema.audit,
            [
                {
                    "id": entry.number,
                    "at": entry.at,
                    "actor": entry.actor,
                    "role": entry.role,
                    "via": entry.via,
                    "address": entry.address,
                    "action": entry.action,
                    "object": entry.object_,
                    "detail": entry.detail,
                }
                for entry in entries
            ],
        )


def next_audit_number(connection: sa.Connection) -> int:
    """The first number never used."""
    newest = connection.execute(sa.select(sa.func.max(schema.audit.c.id))).scalar_one()
    return (newest or 0) + 1


def read_audit(
    connection: sa.Connection, *, before: int, limit: int, actor: str = "", action: str = ""
) -> list[AuditEntry]:
    """At most `limit` entries with numbers below `before`, the newest first; only those of this actor
    and this action where these are not empty."""
    table = schema.audit
    query = sa.select(table).where(table.c.id < before).order_by(table.c.id.desc()).limit(limit)
    if actor:
        query = query.where(table.c.actor == actor)
    if action:
        query = query.where(table.c.action == action)
    return [
        AuditEntry(
            number=row.id,
            at=row.at,
            actor=row.actor,
            role=row.role,
            via=row.via,
            address=row.address,
            action=row.action,
            object_=row.object,
            detail=row.detail,
        )
        for row in connection.execute(query)
    ]
