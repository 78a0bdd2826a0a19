"""`/api/v1/strip`, `latency`, `series` and `moment`: what is read back from the store."""

from __future__ import annotations

from http import HTTPStatus

import msgspec
from aiohttp import web

from coalmine_aggregator.access.roles import Scope
from coalmine_aggregator.reading.latency import CELL_LABELS
from coalmine_aggregator.reading.objectives import Objective
from coalmine_aggregator.reading.question import Question, step_for
from coalmine_aggregator.reading.rollups import MINUTE
from coalmine_aggregator.reading.series import SeriesPlace
from coalmine_aggregator.reading.strip import MAX_RANGE_S, MAX_ROWS, MAX_STEPS, StripAsked
from coalmine_aggregator.web.asking import ask, settled_now
from coalmine_aggregator.web.cursors import parse_cursor
from coalmine_aggregator.web.entrance import needs
from coalmine_aggregator.web.keys import NOW, OPTIONS, VIEW
from coalmine_aggregator.web.past_view import MomentAsked
from coalmine_aggregator.web.problems import ProblemError, bad_parameter
from coalmine_aggregator.web.pulse import BEAT_AT_S
from coalmine_aggregator.web.query import parse_count, parse_labels, parse_where, singles
from coalmine_aggregator.web.reader_tasks import LatencyGiven, SeriesGiven, StripGiven
from coalmine_aggregator.web.replies import json_body
from coalmine_aggregator.web.spans import SPAN_NAMES, Span, parse_past, parse_span, parse_step
from coalmine_wire.series import LABELS
from coalmine_wire.slots import SETTLE_S

DEFAULT_ROWS = 400
MAX_SERIES = 1_000
STRIP_LAST_S = 120
LATENCY_LAST_S = 3_600
LATENCY_BUCKETS = 200
"""As many where no step is asked for: each holds histograms, not counts."""

_pack = msgspec.msgpack.Encoder()


@needs(Scope.READ)
async def strip(request: web.Request) -> web.Response:
    """What became of every series."""
    known = (*SPAN_NAMES, "step", "after", "limit", "only", *LABELS)
    values = singles(request.query.items(), known=known)
    where = parse_where(values)
    service = where.pop("service", "")
    if not service:
        raise bad_parameter("service", "A strip is of one service.", "as in service=ingest")
    only = values.get("only", "")
    if only not in ("", "bad"):
        raise bad_parameter("only", "There is no such choice.", "only=bad, or leave it out")
    settled = settled_now(request.app)
    span = parse_span(values, settled, STRIP_LAST_S)
    if span.seconds > MAX_RANGE_S:
        raise _too_long(span, MAX_RANGE_S, "a strip shows 31 days at most")
    step_s = parse_step(values, span)
    if span.seconds > step_s * (MAX_STEPS - 1):
        fits = step_for(span.first, span.last, MAX_STEPS)
        raise _too_long(span, step_s * (MAX_STEPS - 1), f"step={fits} fits")
    if span.seconds:
        span = span.widened(step_s, settled)
    asked = StripAsked(
        service,
        where,
        span.first,
        max(span.first, span.last),
        step_s,
        parse_cursor(values, int) or 0,
        parse_count(values, "limit", default=DEFAULT_ROWS, most=MAX_ROWS),
        only == "bad",
    )
    given = StripGiven(asked, settled, values)
    return json_body(await ask(request.app, "strip", _pack.encode(given)))


@needs(Scope.READ)
async def latency(request: web.Request) -> web.Response:
    """How long steps of attempts took."""
    labels = (label for label in LABELS if label in CELL_LABELS)
    values = singles(request.query.items(), known=("by", *SPAN_NAMES, "step", *labels))
    settled = settled_now(request.app)
    span = parse_span(values, settled, LATENCY_LAST_S)
    # Step times are kept by the minute.
    usual_s = step_for(span.first, span.last, LATENCY_BUCKETS)
    step_s = max(MINUTE, parse_step(values, span) if values.get("step") else usual_s)
    span = span.widened(step_s, settled)
    question = Question(
        parse_labels(values.get("by", "protocol"), known=CELL_LABELS),
        parse_where(values),
        span.first,
        max(span.first, span.last),
        step_s,
    )
    given = LatencyGiven(question, settled)
    return json_body(await ask(request.app, "latency", _pack.encode(given)))


@needs(Scope.READ)
async def series(request: web.Request) -> web.Response:
    """Every series."""
    values = singles(request.query.items(), known=("after", "limit", *LABELS))
    given = SeriesGiven(
        parse_where(values),
        parse_cursor(values, SeriesPlace),
        parse_count(values, "limit", default=MAX_SERIES, most=MAX_SERIES),
        values,
    )
    return json_body(await ask(request.app, "series", _pack.encode(given)))


@needs(Scope.READ)
async def moment(request: web.Request) -> web.Response:
    """What the page showed at a second: the snapshot that was told under this id."""
    app = request.app
    values = singles(request.query.items(), known=("at",))
    if "at" not in values:
        raise bad_parameter("at", "A moment is at a time.", "as in at=2026-01-31T12:00:00Z")
    second = parse_past(values["at"], app[NOW]())
    view, options = app[VIEW], app[OPTIONS]
    health = view.health()
    given = MomentAsked(
        at=second + BEAT_AT_S,
        settled=second - SETTLE_S,
        fleet=health.fleet,
        version=health.version,
        started_at=health.started_at,
        objectives={
            service: Objective(slo.objective, slo.window_s) for service, slo in view.slo().items()
        },
        max_groups=options.max_groups,
        fates_window_s=options.fates_window_s,
        lines_s=options.lines_s,
    )
    key = _pack.encode(second)
    return json_body(await ask(app, "moment", _pack.encode(given), key))


def _too_long(span: Span, most_s: int, hint: str) -> ProblemError:
    return ProblemError(
        HTTPStatus.BAD_REQUEST,
        "range-too-long",
        f"{span.seconds:,} s are asked for; this covers {most_s:,} s at most.",
        hint=hint,
        parameter="from",
    )
