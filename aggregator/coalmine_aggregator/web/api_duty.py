"""What people on duty do through `/api/v1`: acknowledge, answer, silence; rotas and the review."""

from __future__ import annotations

import secrets
from http import HTTPStatus
from typing import TypeVar

import msgspec
from aiohttp import web

from coalmine_aggregator.access.roles import Scope
from coalmine_aggregator.model.alerts import Alert
from coalmine_aggregator.web.alert_answers import alert_item
from coalmine_aggregator.web.api_alerts import no_such_alert
from coalmine_aggregator.web.asking import ask
from coalmine_aggregator.web.bodies import Body, read_body
from coalmine_aggregator.web.duty_answers import (
    AlertAnswer,
    OnCall,
    SilenceAnswer,
    Silences,
    silence_item,
    turn_items,
)
from coalmine_aggregator.web.duty_bodies import AckBody, ReviewBody, SilenceBody, bad_silence
from coalmine_aggregator.web.entrance import IDENTITY, needs
from coalmine_aggregator.web.kept import kept
from coalmine_aggregator.web.keys import AUDIT, NOW, VIEW
from coalmine_aggregator.web.problems import ProblemError
from coalmine_aggregator.web.query import singles
from coalmine_aggregator.web.reader_tasks import ReviewGiven
from coalmine_aggregator.web.replies import json_body, json_reply
from coalmine_aggregator.web.spans import parse_while

WEEK_S = 7 * 86_400
LONGEST_REVIEW_S = 366 * 86_400
MAX_OVER = 100
"""Silences of the last week that are told though they are over."""

_B = TypeVar("_B", bound=Body)


@needs(Scope.RESPOND)
async def acknowledge(request: web.Request) -> web.Response:
    """Somebody works on an open alert: nobody else is called."""
    body = await _body(request, AckBody)
    app, alert = request.app, await _found(request)
    by = request[IDENTITY].name
    with kept("It is acknowledged"):
        try:
            taken = await app[VIEW].duty.acknowledge(alert.number, by)
        except KeyError:
            raise ProblemError(
                HTTPStatus.CONFLICT,
                "alert-closed",
                f"{alert.id} (number {alert.number}) is closed.",
                hint=f"was there anything to do? coalmine alerts review {alert.number}",
            ) from None
    detail = {"number": alert.number, "note": body.note}
    app[AUDIT].put(request[IDENTITY], "alert.ack", alert.id, detail)
    return _alert(app, taken)


@needs(Scope.RESPOND)
async def answer(request: web.Request) -> web.Response:
    """Whether there was anything to do about a closed alert."""
    body = await _body(request, ReviewBody)
    app, alert = request.app, await _found(request)
    if alert.closed_at is None:
        raise ProblemError(
            HTTPStatus.CONFLICT,
            "alert-open",
            f"{alert.id} (number {alert.number}) is open still.",
            hint="it is asked for once the alert is closed",
        )
    with kept("It is noted"):
        answered = await app[VIEW].duty.answer(alert, body.actionable)
    detail = {"number": alert.number, "actionable": body.actionable, "note": body.note}
    app[AUDIT].put(request[IDENTITY], "alert.review", alert.id, detail)
    return _alert(app, answered)


@needs(Scope.READ)
async def silences(request: web.Request) -> web.Response:
    """What is silenced."""
    singles(request.query.items(), known=())
    app = request.app
    view, now = app[VIEW], app[NOW]()
    over = await view.duty.ended_silences(now - WEEK_S, now, MAX_OVER)
    opened = view.open_alerts()
    return json_reply(
        Silences(
            now=now,
            silences=[silence_item(each, opened, now) for each in view.duty.silences(now)],
            over=[silence_item(each, opened, now) for each in over],
        )
    )


@needs(Scope.RESPOND)
async def put_silence(request: web.Request) -> web.Response:
    """Silences alerts, or says which it would silence."""
    body = await _body(request, SilenceBody)
    app, now = request.app, request.app[NOW]()
    identity, view = request[IDENTITY], app[VIEW]
    silence = body.silence("preview" if body.preview else secrets.token_hex(4), identity.name, now)
    if body.preview:
        item = silence_item(silence._replace(id=""), view.open_alerts(), now)
        return json_reply(SilenceAnswer(now, item))
    with kept("It is silenced"):
        try:
            await view.duty.put_silence(silence, now)
        except ValueError as error:
            raise bad_silence(error) from None
    item = silence_item(silence, view.open_alerts(), now)
    detail = {"match": msgspec.to_builtins(item.match), "why": item.why, "ends_at": item.ends_at}
    app[AUDIT].put(identity, "silence.begin", silence.id, detail)
    reply = json_reply(SilenceAnswer(now, item))
    reply.set_status(HTTPStatus.CREATED)
    return reply


@needs(Scope.RESPOND)
async def end_silence(request: web.Request) -> web.Response:
    """Ends a silence; what it held is told."""
    await _body(request, Body)
    app, id_ = request.app, request.match_info["id"]
    view, now = app[VIEW], app[NOW]()
    with kept("It is ended"):
        try:
            ended = await view.duty.end_silence(id_, request[IDENTITY].name, now)
        except KeyError:
            raise ProblemError(
                HTTPStatus.NOT_FOUND,
                "no-such-silence",
                f"There is no silence {id_[:64]} that lasts.",
                hint="/api/v1/silences lists them",
            ) from None
    app[AUDIT].put(request[IDENTITY], "silence.end", id_)
    return json_reply(SilenceAnswer(now, silence_item(ended, view.open_alerts(), now)))


@needs(Scope.READ)
async def on_call(request: web.Request) -> web.Response:
    """Whose turn it is."""
    singles(request.query.items(), known=())
    app, now = request.app, request.app[NOW]()
    return json_reply(OnCall(now, turn_items(app[VIEW].duty.rotas(), now)))


@needs(Scope.READ)
async def review(request: web.Request) -> web.Response:
    """The numbers of the pages of a while."""
    values = singles(request.query.items(), known=("last", "from", "to"))
    now = request.app[NOW]()
    first, end = parse_while(values, now, WEEK_S, LONGEST_REVIEW_S)
    packed = msgspec.msgpack.encode(ReviewGiven(first, end, now))
    return json_body(await ask(request.app, "review", packed))


async def _found(request: web.Request) -> Alert:
    ref = request.match_info["id"]
    alert = await request.app[VIEW].duty.find(ref)
    if alert is None:
        raise no_such_alert(ref)
    return alert


async def _body(request: web.Request, kind: type[_B]) -> _B:
    singles(request.query.items(), known=())
    return await read_body(request, kind)


def _alert(app: web.Application, alert: Alert) -> web.Response:
    now = app[NOW]()
    hold = app[VIEW].holds(now).get(alert.number)
    return json_reply(AlertAnswer(now, alert_item(alert, hold)))
