"""`/api/v1/rates` and `/api/v1/fates`: counts by group, over any range."""

from __future__ import annotations

from aiohttp import web

from coalmine_aggregator.access.roles import Scope
from coalmine_aggregator.reading.question import TOTAL_STEP_S
from coalmine_aggregator.web.asking import counts_from_history, counts_from_memory, settled_now
from coalmine_aggregator.web.count_answers import fates_of, rates_of
from coalmine_aggregator.web.entrance import needs
from coalmine_aggregator.web.keys import VIEW
from coalmine_aggregator.web.query import parse_question
from coalmine_aggregator.web.replies import json_body, json_reply


@needs(Scope.READ)
async def rates(request: web.Request) -> web.Response:
    """Counts by step of time."""
    app = request.app
    settled = settled_now(app)
    question = parse_question(request.query.items(), settled=settled)
    groups = counts_from_memory(app, question) if question.step_s == 1 else None
    if groups is None:
        return json_body(await counts_from_history(app, "rates", question, settled))
    seen = [1] * len(groups[0].slots) if groups else []
    return json_reply(rates_of(question, settled, groups, seen))


@needs(Scope.READ)
async def fates(request: web.Request) -> web.Response:
    """Counts by fate over the whole range."""
    app = request.app
    settled = settled_now(app)
    question = parse_question(request.query.items(), settled=settled, total_step_s=TOTAL_STEP_S)
    groups = counts_from_memory(app, question)
    if groups is None:
        return json_body(await counts_from_history(app, "fates", question, settled))
    return json_reply(fates_of(question, settled, groups, app[VIEW].oddities()))
