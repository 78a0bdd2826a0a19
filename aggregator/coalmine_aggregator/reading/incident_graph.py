"""The graph of an incident's service, drawn from what is kept."""

from __future__ import annotations

from typing import Any, Final

import msgspec
import sqlalchemy as sa
from numpy.typing import NDArray

from coalmine_aggregator.graphs.incident_graph import IncidentGraph, Line, Mark, incident_svg
from coalmine_aggregator.model.endings import RECEIVED
from coalmine_aggregator.reading.counts import count
from coalmine_aggregator.reading.judged import judged_and_bad
from coalmine_aggregator.reading.library import Library
from coalmine_aggregator.reading.question import Question, step_for

BUCKETS: Final = 400
"""More would not be seen."""


class GraphAsked(msgspec.Struct, frozen=True):
    """A service from slot `first` to slot `last`, both included."""

    title: str
    service: str
    first: int
    last: int
    shaded: tuple[int, int]
    marks: tuple[Mark, ...]


def incident_graph(library: Library, connection: sa.Connection, asked: GraphAsked) -> bytes:
    """An SVG document."""
    step_s = step_for(asked.first, asked.last, BUCKETS)
    where = {"service": asked.service}
    question = Question(("protocol",), where, asked.first, asked.last, step_s)
    counts = count(library, connection, question)
    lines = []
    for group, (protocol,) in enumerate(counts.labels):
        sums = counts.sums[:, group]
        rates = _ratio(sums[:, RECEIVED], counts.seen)
        judged, bad = judged_and_bad(sums)
        losses = _ratio(bad, judged)
        lines.append(Line(protocol, rates, losses))
    graph = IncidentGraph(
        asked.title, asked.first, asked.last, step_s, lines, asked.shaded, asked.marks
    )
    return incident_svg(graph)


def _ratio(part: NDArray[Any], whole: NDArray[Any]) -> list[float | None]:
    return [
        None if of == 0 else some / of for some, of in zip(part.tolist(), whole.tolist(), strict=True)
    ]
