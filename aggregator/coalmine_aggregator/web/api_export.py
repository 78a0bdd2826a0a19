"""`/api/v1/export`: counts and alerts of any range, as files."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

import msgspec
from aiohttp import web

from coalmine_aggregator.access.roles import Scope
from coalmine_aggregator.reading.alerts import AlertPlace
from coalmine_aggregator.reading.question import MAX_BUCKETS, Question, step_for
from coalmine_aggregator.web.alert_answers import alert_item
from coalmine_aggregator.web.api_alerts import closed_alerts, parse_wanted, wanted_open
from coalmine_aggregator.web.asking import ask, settled_now, tail_for
from coalmine_aggregator.web.entrance import needs
from coalmine_aggregator.web.export_answers import (
    CLOSING,
    Form,
    alert_rows,
    alerts_opening,
    rates_opening,
)
from coalmine_aggregator.web.keys import EXPORTS, NOW, VIEW
from coalmine_aggregator.web.problems import ProblemError
from coalmine_aggregator.web.query import parse_labels, parse_where, singles
from coalmine_aggregator.web.reader_tasks import ExportGiven, ExportPiece
from coalmine_aggregator.web.spans import SPAN_NAMES, parse_any_step, parse_span
from coalmine_wire.series import LABELS

ROWS: Final = 10_000
"""Of one piece, about: 2 MB."""

FIRST_BUCKETS: Final = 60
SPAN_S: Final = 7 * 86_400
LONG_SPAN_S: Final = 366 * 86_400
"""Of one piece: a week that is read by seconds or minutes, a year by hours."""

ALERTS: Final = 200

_HOUR: Final = 3600

CONTENT_TYPES: Final = {Form.JSON: "application/json", Form.CSV: "text/csv; charset=utf-8"}

_pack = msgspec.msgpack.Encoder()
_piece = msgspec.msgpack.Decoder(ExportPiece)


@needs(Scope.READ)
async def rates_json(request: web.Request) -> web.StreamResponse:
    """Counts as JSON."""
    return await _rates(request, Form.JSON)


@needs(Scope.READ)
async def rates_csv(request: web.Request) -> web.StreamResponse:
    """Counts as CSV."""
    return await _rates(request, Form.CSV)


@needs(Scope.READ)
async def alerts_json(request: web.Request) -> web.StreamResponse:
    """Alerts as JSON."""
    return await _alerts(request, Form.JSON)


@needs(Scope.READ)
async def alerts_csv(request: web.Request) -> web.StreamResponse:
    """Alerts as CSV."""
    return await _alerts(request, Form.CSV)


async def _rates(request: web.Request, form: Form) -> web.StreamResponse:
    app = request.app
    values = singles(request.query.items(), known=("by", *SPAN_NAMES, "step", *LABELS))
    settled = settled_now(app)
    span = parse_span(values, settled)
    step_s = parse_any_step(values) or step_for(span.first, span.last)
    if span.seconds:
        span = span.widened(step_s, settled)
    by = parse_labels(values.get("by", ""))
    question = Question(by, parse_where(values), span.first, span.last, step_s)
    pieces = _rate_pieces(app, form, question, settled)
    name = f"coalmine-rates.{form}"
    return await app[EXPORTS].stream(request, pieces, CONTENT_TYPES[form], name)


async def _rate_pieces(
    app: web.Application, form: Form, question: Question, settled: int
) -> AsyncIterator[bytes]:
    step_s, started = question.step_s, False
    opening = rates_opening(form, question.first, question.last, step_s, question.by, question.where)
    by_hours = step_s % _HOUR == 0 and not question.below_leaves
    most = max(1, min(MAX_BUCKETS, (LONG_SPAN_S if by_hours else SPAN_S) // step_s))
    buckets, first = min(FIRST_BUCKETS, most), question.first
    while first <= question.last:
        last = min(question.last, (first // step_s + buckets) * step_s - 1)
        part = msgspec.structs.replace(question, first=first, last=last)
        given = ExportGiven(form, part, tail_for(app, part, settled), started)
        try:
            piece = _piece.decode(await ask(app, "export_rates", _pack.encode(given)))
        except ProblemError as problem:
            if problem.name != "answer-too-large" or buckets == 1:
                raise
            buckets = max(1, buckets // 8)
            continue
        yield opening + piece.body
        opening, started = b"", started or piece.rows > 0
        buckets = max(1, min(most, 4 * buckets, buckets * ROWS // max(piece.rows, 1)))
        first = last + 1
    yield opening + (CLOSING if form is Form.JSON else b"")


async def _alerts(request: web.Request, form: Form) -> web.StreamResponse:
    values = singles(request.query.items(), known=("from", "to", "service", "class"))
    pieces = _alert_pieces(request.app, form, values)
    return await request.app[EXPORTS].stream(
        request, pieces, CONTENT_TYPES[form], f"coalmine-alerts.{form}"
    )


async def _alert_pieces(
    app: web.Application, form: Form, values: dict[str, str]
) -> AsyncIterator[bytes]:
    wanted = parse_wanted(values)
    holds = app[VIEW].holds(app[NOW]())
    opened = [alert_item(alert, holds.get(alert.number)) for alert in wanted_open(app, wanted)]
    head = alerts_opening(form, app[NOW]()) + alert_rows(form, opened, started=False)
    started, place = bool(opened), None
    while True:
        items = await closed_alerts(app, wanted, place, ALERTS)
        yield head + alert_rows(form, items, started)
        head, started = b"", started or bool(items)
        if len(items) < ALERTS:
            break
        place = AlertPlace(items[-1].closed_at or 0.0, items[-1].number)
    if form is Form.JSON:
        yield CLOSING
