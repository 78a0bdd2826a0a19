"""Sums by leaf, as the store keeps them by minute and by hour, and which of them cover a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

import sqlalchemy as sa

from coalmine_aggregator.history import sums_columns
from coalmine_aggregator.history.sums_columns import SumsColumns
from coalmine_aggregator.metrics.questions import rows_read
from coalmine_aggregator.store import schema
from coalmine_runtime.logs import get_logger

log = get_logger("reading")

SECOND, MINUTE, HOUR = 1, 60, 3600

_ROWS: Final = 2_000
"""Rows that are read at once."""


class Segment(NamedTuple):
    """Slots from `first` to `last`, both included, to be read from rows of `step_s` seconds."""

    step_s: int
    first: int
    last: int


def ends(connection: sa.Connection, service: str) -> dict[int, int]:
    """By step, the first slot after the newest sums of a service; 0 where there are none."""
    table = schema.sums
    found = {}
    for step_s in (MINUTE, HOUR):
        query = sa.select(sa.func.max(table.c.start)).where(
            table.c.service == service, table.c.step_s == step_s
        )
        newest = connection.execute(query).scalar_one()
        found[step_s] = 0 if newest is None else newest + step_s
    return found


def segments(first: int, last: int, steps: Sequence[int], ends: Mapping[int, int]) -> Iterator[Segment]:
    """What covers the slots from `first` to `last`: the longest of `steps` (descending) where whole
    ones lie inside and are summed up already, shorter ones at the edges, seconds for the rest."""
    if last < first:
        return
    if not steps:
        yield Segment(SECOND, first, last)
        return
    step_s, shorter = steps[0], steps[1:]
    begin = -(-first // step_s) * step_s
    end = min((last + 1) // step_s * step_s, ends[step_s])
    if end <= begin:
        yield from segments(first, last, shorter, ends)
        return
    yield from segments(first, begin - 1, shorter, ends)
    yield Segment(step_s, begin, end - 1)
    yield from segments(end, last, shorter, ends)


def read(connection: sa.Connection, service: str, segment: Segment) -> Iterator[SumsColumns]:
    """The sums of a segment of minutes or hours, ascending."""
    table = schema.sums
    result = connection.execute(
        sa.select(table.c.start, table.c.body)
        .where(
            table.c.service == service,
            table.c.step_s == segment.step_s,
            table.c.start.between(segment.first, segment.last),
        )
        .order_by(table.c.start),
        execution_options={"yield_per": _ROWS},
    )
    for rows in result.partitions():
        rows_read(len(rows))
        columns = sums_columns.read([(start, body) for start, body in rows])
        for start, fault in columns.faults.items():
            log.error("reading.sums.damaged", service=service, start=start, fault=fault)
        yield columns
