"""`/api/v1`: objectives, noise, the live feed, its own description. All GET."""

from __future__ import annotations

from http import HTTPStatus
from importlib.metadata import version

import msgspec
from aiohttp import web

from coalmine_aggregator.access.roles import Scope
from coalmine_aggregator.reading.objectives import Objective
from coalmine_aggregator.web import openapi
from coalmine_aggregator.web.asking import ask
from coalmine_aggregator.web.entrance import IDENTITY, needs
from coalmine_aggregator.web.keys import NOW, PULSE, VIEW
from coalmine_aggregator.web.objective_answers import (
    BurnDown,
    Noises,
    Slos,
    burn_down_points,
    noise_items,
    slo_items,
)
from coalmine_aggregator.web.problems import ProblemError
from coalmine_aggregator.web.query import parse_count, singles
from coalmine_aggregator.web.reader_tasks import BurnDownGiven
from coalmine_aggregator.web.replies import json_body, json_reply
from coalmine_aggregator.web.spans import parse_past

MAX_POINTS = 1000


@needs(Scope.READ)
async def slo(request: web.Request) -> web.Response:
    """Objectives and error budgets."""
    singles(request.query.items(), known=())
    app = request.app
    return json_reply(Slos(now=app[NOW](), services=slo_items(app[VIEW].slo())))


@needs(Scope.READ)
async def burn_down(request: web.Request) -> web.Response:
    """How an error budget was spent, up to now or up to a past second."""
    values = singles(request.query.items(), known=("points", "at"))
    points = parse_count(values, "points", default=60, most=MAX_POINTS)
    app, service = request.app, request.match_info["service"]
    second = parse_past(values["at"], app[NOW]()) if "at" in values else None
    view = app[VIEW]
    objective = view.slo().get(service)
    if objective is None:
        raise ProblemError(
            HTTPStatus.NOT_FOUND,
            "no-such-service",
            f"There is no service {service[:64]} with an objective.",
            hint="/api/v1/slo lists them",
        )
    if second is not None:
        held_to = Objective(objective.objective, objective.window_s)
        given = BurnDownGiven(service, held_to, second, points)
        packed = msgspec.msgpack.encode(given)
        return json_body(await ask(app, "burn_down", packed, packed))
    return json_reply(
        BurnDown(
            now=app[NOW](),
            service=service,
            objective=objective.objective,
            window_s=objective.window_s,
            points=burn_down_points(view.burn_down(service, points)),
        )
    )


@needs(Scope.READ)
async def noise(request: web.Request) -> web.Response:
    """What was learned of healthy services."""
    singles(request.query.items(), known=())
    app = request.app
    return json_reply(Noises(now=app[NOW](), services=noise_items(app[VIEW].noise())))


@needs(Scope.READ)
async def live(request: web.Request) -> web.StreamResponse:
    """The page's feed: one snapshot a second, as server-sent events."""
    singles(request.query.items(), known=())
    pulse, now, who = request.app[PULSE], request.app[NOW](), request[IDENTITY]
    lasts_s = None if who.until is None else who.until - now
    return await pulse.feed.stream(request, pulse.event(now), lasts_s, who.session)


@needs(Scope.READ)
async def openapi_document(_request: web.Request) -> web.Response:
    """The API's description."""
    return json_body(msgspec.json.encode(openapi.document(version("coalmine"))))
