"""Agents as they stood at any time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import sqlalchemy as sa

from coalmine_aggregator.ledger.agents import seat_of, view_of
from coalmine_aggregator.model.endings import OUTCOMES, RECEIVED
from coalmine_aggregator.model.fates import Fate
from coalmine_aggregator.model.unknown import UnknownReason
from coalmine_aggregator.model.views import AgentStatus, AgentView
from coalmine_aggregator.reading.counts import count
from coalmine_aggregator.reading.library import Library
from coalmine_aggregator.reading.question import TOTAL_STEP_S, Question
from coalmine_aggregator.store import schema
from coalmine_runtime.logs import get_logger
from coalmine_wire.reports import Birth, ReportError, decode_birth

log = get_logger("reading")

OVER_S = 60
"""Slots that counts are summed over, as for agents of now."""

_SEAT = ("location", "region", "zone", "host")


def agents_at(library: Library, connection: sa.Connection, at: float, slot: int) -> list[AgentView]:
    """Every agent that had been heard of at a time, by name.

    Counts are those of the minute that ends with `slot`. Of what a report told of the agent itself,
    nothing is kept: no clock's offset, and nothing that impaired it.
    """
    statuses = _statuses(connection, at)
    question = Question(_SEAT, {}, slot - OVER_S + 1, slot, TOTAL_STEP_S)
    counts = count(library, connection, question)
    sums = dict(zip(counts.labels, counts.sums.sum(axis=0).tolist(), strict=True))
    views = []
    for birth in _births(connection, at):
        seat = seat_of(birth)
        row = sums.get((seat.location, seat.region, seat.zone, seat.host), [0] * (RECEIVED + 1))
        status, note = statuses.get(birth.agent, (AgentStatus.ALIVE, ""))
        unknown = zip(UnknownReason, row[Fate.UNKNOWN : OUTCOMES], strict=True)
        views.append(
            replace(
                view_of(birth, seat, status, note),
                endpoints=0 if status is AgentStatus.RETIRED else len(birth.endpoints),
                expected_60s=sum(row[:OUTCOMES]),
                received_60s=row[RECEIVED],
                unknown_60s={reason.label: number for reason, number in unknown if number},
            )
        )
    return sorted(views, key=lambda view: (view.agent, view.boot))


def _statuses(connection: sa.Connection, at: float) -> dict[str, tuple[AgentStatus, str]]:
    table = schema.lives
    last = (
        sa.select(sa.func.max(table.c.id))
        .where(table.c.at <= at)
        .group_by(table.c.agent)
        .scalar_subquery()
    )
    rows = connection.execute(
        sa.select(table.c.agent, table.c.status, table.c.note).where(table.c.id.in_(last))
    )
    found = {}
    for agent, status, note in rows:
        try:
            found[agent] = (AgentStatus(status), note)
        except ValueError:
            log.warning("reading.life.unreadable", agent=agent, status=status)
    return found


def _births(connection: sa.Connection, at: float) -> Iterator[Birth]:
    """The last one of each agent that was heard by then."""
    table = schema.births
    last = (
        sa.select(table.c.agent, sa.func.max(table.c.heard_at).label("heard_at"))
        .where(table.c.heard_at <= at)
        .group_by(table.c.agent)
        .subquery()
    )
    rows = connection.execute(
        sa.select(table.c.body).join(
            last, (last.c.agent == table.c.agent) & (last.c.heard_at == table.c.heard_at)
        )
    )
    for body in rows.scalars():
        try:
            yield decode_birth(body)
        except ReportError as error:
            log.warning("reading.birth.unreadable", error=error)
