"""The web application: routes, and what stands in front of them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterable

from aiohttp import web
from prometheus_client.registry import Collector

from coalmine_aggregator.access.audit import Audit
from coalmine_aggregator.access.gate import Gate
from coalmine_aggregator.access.oidc import OidcClient
from coalmine_aggregator.access.settings import CALLBACK
from coalmine_aggregator.reading.readers import Readers
from coalmine_aggregator.web import probes
from coalmine_aggregator.web.api_hooks import Hooks
from coalmine_aggregator.web.entrance import check_routes, entrance
from coalmine_aggregator.web.errors import problems
from coalmine_aggregator.web.exporting import Exports
from coalmine_aggregator.web.feed import Feed
from coalmine_aggregator.web.guard import add_headers, host_check, path_check
from coalmine_aggregator.web.keys import (
    AUDIT,
    BOOTTIME,
    EXPORTS,
    METRICS,
    NOW,
    OPTIONS,
    PULSE,
    READERS,
    VIEW,
)
from coalmine_aggregator.web.listening import MAX_BODY, patience
from coalmine_aggregator.web.login import Login
from coalmine_aggregator.web.login_page import LoginPage
from coalmine_aggregator.web.metrics import Metrics
from coalmine_aggregator.web.options import WebOptions
from coalmine_aggregator.web.page import Page
from coalmine_aggregator.web.pulse import Pulse
from coalmine_aggregator.web.routes import api_routes
from coalmine_aggregator.web.static_files import StaticFiles
from coalmine_aggregator.web.view import View
from coalmine_runtime import clock


def make_app(
    view: View,
    options: WebOptions | None = None,
    readers: Readers | None = None,
    *,
    others: Iterable[Collector] = (),
    now: Callable[[], float] = clock.wall,
    boottime: Callable[[], float] = clock.boottime,
    paced: bool = True,
) -> web.Application:
    """The application that shows `view`; history is asked of `readers`, which the caller runs.

    `others` are scraped besides. `now` reads the wall clock, `boottime` one that never steps. `paced`
    lets it beat by itself once a second; otherwise whoever owns it calls `app[PULSE].beat(now)`.
    """
    options = options or WebOptions()
    gate = Gate(options.access, secure=options.secure)
    app = web.Application(
        middlewares=[
            problems,
            patience,
            host_check(options.hosts),
            entrance(gate, now, boottime),
            path_check,
        ],
        client_max_size=MAX_BODY,
    )
    feed = Feed(options.max_viewers)
    metrics = Metrics(view, feed, others)
    pulse = Pulse(view, options, feed, metrics)
    app[VIEW] = view
    app[OPTIONS] = options
    app[AUDIT] = Audit(view.put_audit, now, boottime)
    app[PULSE] = pulse
    app[METRICS] = metrics
    app[NOW] = now
    app[BOOTTIME] = boottime
    app[EXPORTS] = Exports()
    if readers is not None:
        app[READERS] = readers
    app.on_response_prepare.append(add_headers)
    app.on_shutdown.append(_end_feeds)
    if paced:
        app.cleanup_ctx.append(_pace)
    files = StaticFiles()
    hooks = Hooks(options.hooks, gate, app[AUDIT])
    _add_routes(app, Page(files), _login(app, files, gate), hooks)
    check_routes(app)
    return app


def _login(app: web.Application, files: StaticFiles, gate: Gate) -> Login:
    oidc = OidcClient(gate.settings.oidc, app[NOW]) if gate.settings.oidc else None
    if oidc is not None:
        provider = oidc

        async def close(_app: web.Application) -> None:
            await provider.close()

        app.on_cleanup.append(close)
    return Login(LoginPage(files.body("login.html").decode(), gate.settings), gate, app[AUDIT], oidc)


def _add_routes(app: web.Application, page: Page, login: Login, hooks: Hooks) -> None:
    app.add_routes(
        [
            *api_routes(),
            web.post("/api/v1/hooks/{provider}/{receiver}", hooks.take),
            web.get("/", page.index),
            web.get("/wall", page.wall),
            web.get("/incidents", page.incidents),
            web.get(r"/incidents/{number:\d{1,9}}", page.incident),
            web.get("/remediation", page.remediation),
            web.get("/static/{build}/{name:.+}", page.static),
            web.get("/login", login.form),
            web.post("/login", login.open_session),
            web.get("/login/oidc", login.begin, allow_head=False),
            web.get(CALLBACK, login.come_back, allow_head=False),
            web.post("/logout", login.close_session),
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
