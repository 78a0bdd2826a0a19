"""The API's answers about history beside counts: strips, latency, series. Pure.

The same promises hold as in `answers`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from coalmine_aggregator.reading.latency import Latency
from coalmine_aggregator.reading.question import Question
from coalmine_aggregator.reading.series import SeriesPage
from coalmine_aggregator.reading.strip import Strip, StripAsked, runs
from coalmine_aggregator.web.answers import Answer
from coalmine_wire.series import LABELS

STEP_NAMES: Final = ("resolve", "connect", "tls", "send", "response", "total")

_ROW_LABELS: Final = tuple(label for label in LABELS if label != "service")


class StripRow(Answer):
    """The labels of a row's series."""

    protocol: str
    variant: str
    location: str
    region: str
    zone: str
    host: str
    node: str


class StripAnswer(Answer, rename={"next_": "next"}):
    """`/api/v1/strip`: what became of every series of a service, by steps of `step` seconds.

    There are `columns` steps from slot `first` on; `settled` is the newest slot there is. Rows are in
    order of their labels, `total` in all; series that were expected in no step are left out. `runs` are
    [row, column, length, code] of all that is not good, a step being as bad as its worst second: 1
    unknown, 2 not attempted, 3 late, 4 lost, 5 failed, 6 abandoned; 7 says that the series was not
    expected. `seen` is, by column, of how many seconds anything is known; where it is 0, the column has
    no runs and says nothing. `next` is what to give as `after` for more rows, None at the end.
    """

    service: str
    first: int
    step: int
    columns: int
    settled: int
    total: int
    seen: list[int]
    rows: list[StripRow]
    runs: list[list[int]]
    next_: str | None


class StepLatency(Answer):
    """Quantiles of how long a step of an attempt took, in microseconds, good to a tenth; None where
    none was taken. `count` is how many were."""

    p50_us: list[float | None]
    p99_us: list[float | None]
    count: list[int]


class LatencyGroup(Answer):
    """One group's steps by name: resolve, connect, tls, send, response, and the total of all that were
    taken; those that were never taken are left out. Lists run along the answer's `slots`."""

    labels: dict[str, str]
    steps: dict[str, StepLatency]


class LatencyAnswer(Answer):
    """`/api/v1/latency`: by steps of `step` seconds, of which `slots` are the first."""

    first: int
    step: int
    settled: int
    by: list[str]
    slots: list[int]
    groups: list[LatencyGroup]


class SeriesItem(Answer):
    """One series by its labels."""

    service: str
    protocol: str
    variant: str
    location: str
    region: str
    zone: str
    host: str
    node: str


class SeriesAnswer(Answer, rename={"next_": "next"}):
    """`/api/v1/series`: every series that was ever expected, by service in the order in which they
    came. `next` is what to give as `after` for more, None at the end."""

    total: int
    series: list[SeriesItem]
    next_: str | None


def strip_answer(asked: StripAsked, found: Strip, settled: int, cursor: str | None) -> StripAnswer:
    """A strip as it is told."""
    columns = [found.catalogue.values(label, found.numbers) for label in _ROW_LABELS]
    return StripAnswer(
        service=asked.service,
        first=asked.first // asked.step_s * asked.step_s,
        step=asked.step_s,
        columns=len(found.seen),
        settled=settled,
        total=found.total,
        seen=found.seen.tolist(),
        rows=[StripRow(*labels) for labels in zip(*columns, strict=True)],
        runs=runs(found.codes).tolist(),
        next_=cursor,
    )


def latency_answer(question: Question, found: Latency, settled: int) -> LatencyAnswer:
    """Quantiles as they are told."""
    buckets = found.counts.shape[-1]
    return LatencyAnswer(
        first=question.first,
        step=found.step_s,
        settled=settled,
        by=list(question.by),
        slots=(found.first + np.arange(buckets) * found.step_s).tolist(),
        groups=[
            LatencyGroup(
                labels=dict(zip(question.by, labels, strict=True)),
                steps={
                    name: StepLatency(
                        p50_us=_known(found.p50_us[group, step].tolist(), counts),
                        p99_us=_known(found.p99_us[group, step].tolist(), counts),
                        count=counts,
                    )
                    for step, name in enumerate(STEP_NAMES)
                    if any(counts := found.counts[group, step].tolist())
                },
            )
            for group, labels in enumerate(found.labels)
        ],
    )


def series_answer(page: SeriesPage, cursor: str | None) -> SeriesAnswer:
    """A page of series as it is told."""
    return SeriesAnswer(
        total=page.total, series=[SeriesItem(*labels) for labels in page.rows], next_=cursor
    )


def _known(times_us: Sequence[float], counts: Sequence[int]) -> list[float | None]:
    return [round(time, 1) if count else None for time, count in zip(times_us, counts, strict=True)]
