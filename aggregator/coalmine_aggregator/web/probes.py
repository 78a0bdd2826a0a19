"""`/healthz` and `/readyz`: for machines that watch the aggregator."""

from __future__ import annotations

from http import HTTPStatus

import msgspec
from aiohttp import web

from coalmine_aggregator.web.answers import Answer
from coalmine_aggregator.web.entrance import open_to_all
from coalmine_aggregator.web.keys import VIEW
from coalmine_aggregator.web.problems import ProblemError
from coalmine_aggregator.web.snapshot import CheckItem


class Ready(Answer):
    """`/readyz` while every check holds."""

    status: str
    checks: list[CheckItem]


@open_to_all
async def healthz(_request: web.Request) -> web.Response:
    """The process answers."""
    return web.Response(text="ok\n", headers={"Cache-Control": "no-store"})


@open_to_all
async def readyz(request: web.Request) -> web.Response:
    """Every check holds; otherwise a problem document names those that do not."""
    health = request.app[VIEW].health()
    failing = [f"{check.name}: {check.detail}" for check in health.checks if not check.ok]
    if failing:
        raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, "not-ready", "; ".join(failing))
    checks = [CheckItem(check.name, check.ok, check.detail) for check in health.checks]
    return web.Response(
        body=msgspec.json.encode(Ready("ready", checks)),
        content_type="application/json",
        headers={"Cache-Control": "no-store"},
    )
