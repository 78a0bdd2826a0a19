"""Agents' lives as rows: a row for every change of how an agent stands."""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa

from coalmine_aggregator.model.agent_life import AgentLife
from coalmine_aggregator.store import schema
from coalmine_aggregator.store.database import storable

MAX_NOTE = 500
"""Characters of a note that are kept."""


class LifeLog:
    """Knows how every agent stood last, so that what does not differ is not written."""

    def __init__(self) -> None:
        self._last: dict[str, tuple[str, str]] = {}
        self._new: dict[str, tuple[str, str]] = {}

    def load(self, connection: sa.Connection) -> None:
        """Takes over how agents stood last."""
        table = schema.lives
        newest = sa.select(sa.func.max(table.c.id)).group_by(table.c.agent)
        rows = connection.execute(
            sa.select(table.c.agent, table.c.status, table.c.note).where(table.c.id.in_(newest))
        )
        self._last = {agent: (status, note) for agent, status, note in rows}

    def write(self, connection: sa.Connection, lives: Iterable[AgentLife]) -> None:
        """Writes what differs, in its order."""
        self._new = {}
        rows = []
        for life in lives:
            agent = storable(life.agent)
            stands = (str(life.status), storable(life.note[:MAX_NOTE]))
            if self._new.get(agent, self._last.get(agent)) != stands:
                self._new[agent] = stands
                rows.append({"agent": agent, "at": life.at, "status": stands[0], "note": stands[1]})
        if rows:
            connection.execute(sa.insert(schema.lives), rows)

    def written(self) -> None:
        """What was written is committed."""
        self._last.update(self._new)
        self._new = {}
