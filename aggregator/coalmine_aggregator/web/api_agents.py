"""`/api/v1/agents`: the roster, as it is or as it was."""

from __future__ import annotations

import msgspec
from aiohttp import web

from coalmine_aggregator.access.roles import Scope
from coalmine_aggregator.web.answers import AgentItem, Agents, agent_items, count_status
from coalmine_aggregator.web.asking import ask
from coalmine_aggregator.web.entrance import needs
from coalmine_aggregator.web.keys import NOW, VIEW
from coalmine_aggregator.web.problems import bad_parameter
from coalmine_aggregator.web.query import parse_count, singles
from coalmine_aggregator.web.reader_tasks import AgentsGiven
from coalmine_aggregator.web.replies import json_reply
from coalmine_aggregator.web.spans import parse_time
from coalmine_wire.slots import SETTLE_S

MAX_PAGE = 1000

_pack = msgspec.msgpack.Encoder()
_items = msgspec.json.Decoder(list[AgentItem])


@needs(Scope.READ)
async def agents(request: web.Request) -> web.Response:
    """Agents by name, a page at a time."""
    values = singles(request.query.items(), known=("status", "at", "after", "limit"))
    limit = parse_count(values, "limit", default=MAX_PAGE, most=MAX_PAGE)
    now = request.app[NOW]()
    if "at" in values:
        second = parse_time("at", values["at"])
        if second > int(now):
            raise bad_parameter("at", "at is not over yet.")
        given = AgentsGiven(float(second), second - SETTLE_S)
        every = _items.decode(await ask(request.app, "agents", _pack.encode(given)))
        now = float(second)
    else:
        every = agent_items(request.app[VIEW].agents(now))
    by_status = count_status(every)
    if status := values.get("status"):
        if status not in by_status:
            raise bad_parameter(
                "status", f"There is no status {status[:64]}.", f"known are {', '.join(by_status)}"
            )
        every = [item for item in every if item.status == status]
    after = values.get("after", "")
    rest = [item for item in every if item.agent > after]
    page = rest[:limit]
    return json_reply(
        Agents(
            now=now,
            total=len(every),
            by_status=by_status,
            agents=page,
            next=page[-1].agent if len(rest) > len(page) else None,
        )
    )
