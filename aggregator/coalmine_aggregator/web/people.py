"""`/api/v1/me` and `/api/v1/audit`: who is asking, and who did what."""

from __future__ import annotations

import msgspec
from aiohttp import web

from coalmine_aggregator.access.roles import Scope
from coalmine_aggregator.model.audit_entry import MAX_TEXT
from coalmine_aggregator.web.answers import Answer
from coalmine_aggregator.web.entrance import IDENTITY, needs
from coalmine_aggregator.web.keys import NOW, VIEW
from coalmine_aggregator.web.people_answers import audit_log, me_of
from coalmine_aggregator.web.query import parse_count, singles

MAX_PAGE = 1000
NEWEST = 999_999_999
"""Above every entry's number."""


@needs(Scope.READ)
async def me(request: web.Request) -> web.Response:
    """Who is asking."""
    singles(request.query.items(), known=())
    return _json(me_of(request[IDENTITY]))


@needs(Scope.OPERATE)
async def audit(request: web.Request) -> web.Response:
    """Who did what, the newest first, a page at a time."""
    values = singles(request.query.items(), known=("before", "limit", "actor", "action"))
    limit = parse_count(values, "limit", default=100, most=MAX_PAGE)
    before = parse_count(values, "before", default=NEWEST, most=NEWEST)
    entries = await request.app[VIEW].audit(
        before=before,
        limit=limit + 1,
        actor=values.get("actor", "")[:MAX_TEXT],
        action=values.get("action", "")[:MAX_TEXT],
    )
    return _json(audit_log(entries, limit, request.app[NOW]()))


def _json(answer: Answer) -> web.Response:
    return web.Response(
        body=msgspec.json.encode(answer),
        content_type="application/json",
        headers={"Cache-Control": "no-store"},
    )
