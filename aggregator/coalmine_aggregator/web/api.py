"""`/api/v1`: counts, agents, alerts, objectives, noise, the live feed, its own description. All GET."""

from __future__ import annotations

from http import HTTPStatus
from importlib.metadata import version

import msgspec
from aiohttp import web

from coalmine_aggregator.access.roles import Scope
from coalmine_aggregator.model.counts import NOTHING
from coalmine_aggregator.model.views import GroupRates
from coalmine_aggregator.web import openapi
from coalmine_aggregator.web.alert_answers import Alerts, alert_item, explained
from coalmine_aggregator.web.answers import (
    Agents,
    Answer,
    Fates,
    Rates,
    agent_items,
    count_status,
    fate_group,
    rate_group,
    sums_of,
    total_of,
)
from coalmine_aggregator.web.entrance import needs
from coalmine_aggregator.web.keys import NOW, OPTIONS, PULSE, VIEW
from coalmine_aggregator.web.objective_answers import (
    BurnDown,
    Noises,
    Slos,
    burn_down_points,
    noise_items,
    slo_items,
)
from coalmine_aggregator.web.problems import ProblemError
from coalmine_aggregator.web.query import (
    Question,
    newest_settled,
    parse_count,
    parse_question,
    singles,
)

MAX_PAGE = 1000
MAX_RECENT = 200
MAX_POINTS = 1000

_encoder = msgspec.json.Encoder()


@needs(Scope.READ)
async def rates(request: web.Request) -> web.Response:
    """Counts by slot."""
    question, groups, settled = _ask(request)
    return _json(
        Rates(
            first=question.span.first,
            last=question.span.last,
            settled=settled,
            by=list(question.by),
            where=question.where,
            groups=[rate_group(group) for group in groups],
        )
    )


@needs(Scope.READ)
async def fates(request: web.Request) -> web.Response:
    """Counts by fate over the whole range."""
    question, groups, settled = _ask(request)
    items = [fate_group(group) for group in groups]
    return _json(
        Fates(
            first=question.span.first,
            last=question.span.last,
            settled=settled,
            by=list(question.by),
            where=question.where,
            total=sums_of(sum((total_of(group) for group in groups), NOTHING)),
            balanced=all(item.balanced for item in items),
            groups=items,
            oddities=request.app[VIEW].oddities(),
        )
    )


@needs(Scope.READ)
async def agents(request: web.Request) -> web.Response:
    """Agents by name, a page at a time."""
    values = singles(request.query.items(), known=("status", "after", "limit"))
    limit = parse_count(values, "limit", default=MAX_PAGE, most=MAX_PAGE)
    now = request.app[NOW]()
    every = agent_items(request.app[VIEW].agents(now))
    by_status = count_status(every)
    if status := values.get("status"):
        if status not in by_status:
            raise ProblemError(
                HTTPStatus.BAD_REQUEST,
                "bad-parameter",
                f"There is no status {status[:64]}.",
                hint=f"known are {', '.join(by_status)}",
                parameter="status",
            )
        every = [item for item in every if item.status == status]
    after = values.get("after", "")
    rest = [item for item in every if item.agent > after]
    page = rest[:limit]
    return _json(
        Agents(
            now=now,
            total=len(every),
            by_status=by_status,
            agents=page,
            next=page[-1].agent if len(rest) > len(page) else None,
        )
    )


@needs(Scope.READ)
async def alerts(request: web.Request) -> web.Response:
    """The open alerts, and the newest closed ones."""
    values = singles(request.query.items(), known=("limit",))
    limit = parse_count(values, "limit", default=20, most=MAX_RECENT)
    view = request.app[VIEW]
    return _json(
        Alerts(
            now=request.app[NOW](),
            open=[alert_item(alert) for alert in view.open_alerts()],
            recent=[alert_item(alert) for alert in view.recent_alerts(limit)],
        )
    )


@needs(Scope.READ)
async def explain(request: web.Request) -> web.Response:
    """Why an alert was opened, and what happened to it since."""
    singles(request.query.items(), known=())
    view, ref = request.app[VIEW], request.match_info["id"]
    transitions = await view.explain(ref)
    if not transitions:
        raise ProblemError(
            HTTPStatus.NOT_FOUND,
            "no-such-alert",
            f"There is no alert {ref[:64]}.",
            hint="an alert is named by its number or its id; /api/v1/alerts lists them",
        )
    standing = [*view.open_alerts(), *view.recent_alerts(MAX_RECENT)]
    return _json(explained(transitions, standing, request.app[NOW]()))


@needs(Scope.READ)
async def slo(request: web.Request) -> web.Response:
    """Objectives and error budgets."""
    singles(request.query.items(), known=())
    app = request.app
    return _json(Slos(now=app[NOW](), services=slo_items(app[VIEW].slo())))


@needs(Scope.READ)
async def burn_down(request: web.Request) -> web.Response:
    """How an error budget was spent."""
    values = singles(request.query.items(), known=("points",))
    points = parse_count(values, "points", default=60, most=MAX_POINTS)
    view, service = request.app[VIEW], request.match_info["service"]
    objective = view.slo().get(service)
    if objective is None:
        raise ProblemError(
            HTTPStatus.NOT_FOUND,
            "no-such-service",
            f"There is no service {service[:64]} with an objective.",
            hint="/api/v1/slo lists them",
        )
    return _json(
        BurnDown(
            now=request.app[NOW](),
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
    return _json(Noises(now=app[NOW](), services=noise_items(app[VIEW].noise())))


@needs(Scope.READ)
async def live(request: web.Request) -> web.StreamResponse:
    """The page's feed: one snapshot a second, as server-sent events."""
    singles(request.query.items(), known=())
    pulse = request.app[PULSE]
    return await pulse.feed.stream(request, pulse.event(request.app[NOW]()))


@needs(Scope.READ)
async def openapi_document(_request: web.Request) -> web.Response:
    """The API's description."""
    body = _encoder.encode(openapi.document(version("coalmine")))
    return web.Response(body=body, content_type="application/json")


def _ask(request: web.Request) -> tuple[Question, list[GroupRates], int]:
    app = request.app
    view, options = app[VIEW], app[OPTIONS]
    settled = newest_settled(view.health(), app[NOW]())
    question = parse_question(request.query.items(), settled=settled, max_range_s=options.max_range_s)
    groups = view.rates(question.by, question.where, question.span.first, question.span.last)
    cells = sum(len(group.slots) for group in groups)
    if cells > options.max_cells:
        raise ProblemError(
            HTTPStatus.BAD_REQUEST,
            "answer-too-large",
            f"{len(groups)} groups make {cells} counts; one answer holds {options.max_cells}.",
            hint="group by fewer labels, filter, or ask for a shorter range",
        )
    return question, groups, settled


def _json(answer: Answer) -> web.Response:
    return web.Response(
        body=_encoder.encode(answer),
        content_type="application/json",
        headers={"Cache-Control": "no-store"},
    )
