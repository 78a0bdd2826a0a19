"""The web application: routes, and what stands in front of them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

from aiohttp import web

from coalmine_aggregator.web import api, probes
from coalmine_aggregator.web.access import Access, access_check
from coalmine_aggregator.web.errors import problems
from coalmine_aggregator.web.feed import Feed
from coalmine_aggregator.web.guard import add_headers, host_check
from coalmine_aggregator.web.keys import ACCESS, METRICS, NOW, OPTIONS, PULSE, VIEW
from coalmine_aggregator.web.metrics import Metrics
from coalmine_aggregator.web.options import WebOptions
from coalmine_aggregator.web.page import Page
from coalmine_aggregator.web.pulse import Pulse
from coalmine_aggregator.web.view import View
from coalmine_runtime import clock

MAX_BODY = 16 * 1024
"""Bytes; only the login takes a body at all."""


def make_app(
    view: View,
    options: WebOptions | None = None,
    *,
    now: Callable[[], float] = clock.wall,
    paced: bool = True,
) -> web.Application:
    """The application that shows `view`.

    `now` reads the wall clock. `paced` lets it beat by itself once a second; otherwise whoever owns
    it calls `app[PULSE].beat(now)`.
    """
    options = options or WebOptions()
    access = Access(options.tokens, session_s=options.session_s, secure=options.secure_cookie)
    app = web.Application(
        middlewares=[problems, host_check(options.hosts), access_check(access, now)],
        client_max_size=MAX_BODY,
    )
    feed = Feed(options.max_viewers)
    metrics = Metrics(view, feed)
    pulse = Pulse(view, options, feed, metrics)
    app[VIEW] = view
    app[OPTIONS] = options
    app[ACCESS] = access
    app[PULSE] = pulse
    app[METRICS] = metrics
    app[NOW] = now
    app.on_response_prepare.append(add_headers)
    app.on_shutdown.append(_end_feeds)
    if paced:
        app.cleanup_ctx.append(_pace)
    _add_routes(app)
    return app


def _add_routes(app: web.Application) -> None:
    page = Page()
    app.add_routes(
        [
            web.get("/", page.index),
            web.get("/static/{name:.+}", page.static),
            web.get("/login", page.login),
            web.post("/login", page.open_session),
            web.post("/logout", page.close_session),
            web.get("/api/v1/rates", api.rates),
            web.get("/api/v1/fates", api.fates),
            web.get("/api/v1/agents", api.agents),
            web.get("/api/v1/alerts", api.alerts),
            web.get("/api/v1/alerts/{id}/explain", api.explain),
            web.get("/api/v1/slo", api.slo),
            web.get("/api/v1/slo/{service}/burn-down", api.burn_down),
            web.get("/api/v1/noise", api.noise),
            web.get("/api/v1/live", api.live, allow_head=False),
            web.get("/api/v1/openapi.json", api.openapi_document),
            web.get("/metrics", probes.metrics),
            web.get("/healthz", probes.healthz),
            web.get("/readyz", probes.readyz),
        ]
    )


async def _pace(app: web.Application) -> AsyncIterator[None]:
    task = asyncio.create_task(app[PULSE].run(app[NOW]))
    yield
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def _end_feeds(app: web.Application) -> None:
    app[PULSE].feed.close()
