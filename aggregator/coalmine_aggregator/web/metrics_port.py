"""`/metrics` on a port of its own, apart from the page: who scrapes need not reach what people see."""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web

from coalmine_aggregator.access.gate import Gate
from coalmine_aggregator.access.roles import Scope
from coalmine_aggregator.web.entrance import check_routes, entrance, needs
from coalmine_aggregator.web.errors import problems
from coalmine_aggregator.web.guard import add_headers, host_check
from coalmine_aggregator.web.keys import METRICS, NOW
from coalmine_aggregator.web.listening import patience
from coalmine_aggregator.web.metrics import Metrics
from coalmine_aggregator.web.options import WebOptions
from coalmine_runtime import clock

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def make_metrics_app(
    metrics: Metrics,
    options: WebOptions,
    *,
    now: Callable[[], float],
    boottime: Callable[[], float] = clock.boottime,
) -> web.Application:
    """The application that answers scrapes. Whoever may not is told so: nobody signs in here."""
    gate = Gate(options.access, secure=options.secure)
    app = web.Application(
        middlewares=[
            problems,
            patience,
            host_check(options.hosts),
            entrance(gate, now, boottime, signs_in=False),
        ],
        client_max_size=1024,  # nothing has a body
    )
    app[METRICS] = metrics
    app[NOW] = now
    app.on_response_prepare.append(add_headers)
    app.add_routes([web.get("/metrics", scrape)])
    check_routes(app)
    return app


@needs(Scope.METRICS)
async def scrape(request: web.Request) -> web.Response:
    """Prometheus' text format."""
    body = request.app[METRICS].render(request.app[NOW]())
    return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE, "Cache-Control": "no-store"})
