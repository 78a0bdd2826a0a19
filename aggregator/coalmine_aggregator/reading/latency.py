"""How long the steps of attempts took: quantiles by group, step of an attempt, and time."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from coalmine_aggregator.history import step_times
from coalmine_aggregator.history.step_times import STEPS
from coalmine_aggregator.metrics.questions import rows_read
from coalmine_aggregator.model.label_filter import LabelFilter
from coalmine_aggregator.model.step_bins import BINS, quantile_us
from coalmine_aggregator.reading.counts import asked_services
from coalmine_aggregator.reading.grouping import Grouping, Groups, Labels
from coalmine_aggregator.reading.library import Library
from coalmine_aggregator.reading.question import Question, buckets_of, check_points
from coalmine_aggregator.reading.rollups import HOUR, MINUTE, Segment, segments
from coalmine_aggregator.store import schema
from coalmine_runtime.logs import get_logger

log = get_logger("reading")

CELL_LABELS: Final = ("service", "protocol", "location", "region")
"""What step times are kept by."""

MAX_HISTOGRAMS: Final = 20_000
"""Groups x kinds of step x steps of time of one answer: 10 MB of counts."""

_ROWS: Final = 500

Times = NDArray[np.float64]


class Latency(NamedTuple):
    """By group (`labels`, ascending), step of an attempt and bucket of time from `first` on: `counts`
    int64[groups, STEPS, buckets], `p50_us` and `p99_us` float64 of the same shape."""

    first: int
    step_s: int
    labels: list[Labels]
    counts: NDArray[np.int64]
    p50_us: Times
    p99_us: Times


def latency(library: Library, connection: sa.Connection, question: Question) -> Latency:
    """The answer to a question by `CELL_LABELS` and a step of a minute or longer. Raises
    `RefusedError`."""
    groups = Groups(question.by, LabelFilter(question.where))
    buckets = buckets_of(question.first, question.last, question.step_s)
    begin = question.first // question.step_s
    counts = np.zeros((0, STEPS, buckets, BINS), dtype=np.int64)
    for service in asked_services(library, connection, groups.wanted):
        cells = library.catalogue(connection, schema.cells, service)
        grouping = Grouping(groups, cells)
        grouping.admit_all()
        check_points(buckets * STEPS, len(groups), question.step_s, MAX_HISTOGRAMS)
        more = len(groups) - len(counts)
        counts = np.pad(counts, ((0, more), (0, 0), (0, 0), (0, 0)))
        for segment in _segments(connection, service, question):
            _add(connection, service, segment, counts, grouping, question.step_s, begin)
    order = sorted(range(len(groups)), key=groups.labels.__getitem__)
    kept = counts[[group for group in order if counts[group].any()]]
    flat = kept.reshape(-1, BINS)
    shape = kept.shape[:-1]
    return Latency(
        begin * question.step_s,
        question.step_s,
        [groups.labels[group] for group in order if counts[group].any()],
        kept.sum(axis=-1),
        quantile_us(flat, 0.5).reshape(shape),
        quantile_us(flat, 0.99).reshape(shape),
    )


def _segments(connection: sa.Connection, service: str, question: Question) -> list[Segment]:
    """Hours where whole ones are kept and fit the step, minutes elsewhere."""
    table = schema.step_times
    query = sa.select(sa.func.max(table.c.start)).where(
        table.c.service == service, table.c.step_s == HOUR
    )
    newest = connection.execute(query).scalar_one()
    steps = [HOUR] if question.step_s % HOUR == 0 else []
    ends = {HOUR: 0 if newest is None else newest + HOUR}
    return [
        segment if segment.step_s == HOUR else segment._replace(step_s=MINUTE)
        for segment in segments(question.first, question.last, steps, ends)
    ]


def _add(
    connection: sa.Connection,
    service: str,
    segment: Segment,
    counts: NDArray[np.int64],
    grouping: Grouping,
    step_s: int,
    begin: int,
) -> None:
    table = schema.step_times
    result = connection.execute(
        sa.select(table.c.start, table.c.body)
        .where(
            table.c.service == service,
            table.c.step_s == segment.step_s,
            table.c.start.between(segment.first // MINUTE * MINUTE, segment.last),
        )
        .order_by(table.c.start),
        execution_options={"yield_per": _ROWS},
    )
    known = np.append(grouping.of, np.int32(-1))
    for rows in result.partitions():
        rows_read(len(rows))
        read = step_times.read([(start, body) for start, body in rows])
        for start, fault in read.faults.items():
            log.error("reading.step_times.damaged", service=service, start=start, fault=fault)
        group = known[np.minimum(read.cell, len(known) - 1)][read.place]
        bucket = np.maximum(read.start // step_s - begin, 0)[read.row][read.place]
        asked = (group >= 0) & (bucket < counts.shape[2])
        step = read.step[read.place]
        place = (group[asked], step[asked], bucket[asked], read.bin[asked])
        np.add.at(counts, place, read.amount[asked])
