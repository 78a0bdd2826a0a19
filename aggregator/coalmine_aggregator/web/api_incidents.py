"""`/api/v1/incidents`: what is open, all that ever were, their post-mortems, graphs and numbers."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

import msgspec
from aiohttp import web

from coalmine_aggregator.access.roles import Scope
from coalmine_aggregator.incidents import postmortem_text
from coalmine_aggregator.model.incident import Entry, Incident, IncidentState
from coalmine_aggregator.model.incident_snapshot import SnapshotName
from coalmine_aggregator.model.incidents_wanted import IncidentsWanted
from coalmine_aggregator.web.asking import ask
from coalmine_aggregator.web.cursors import next_cursor, parse_cursor
from coalmine_aggregator.web.entrance import needs
from coalmine_aggregator.web.incident_answers import IncidentItem, Incidents, incident_item
from coalmine_aggregator.web.incident_desk import IncidentDesk
from coalmine_aggregator.web.incident_detail_answers import (
    IncidentDetail,
    entry_item,
    postmortem_item,
    public_item,
)
from coalmine_aggregator.web.keys import NOW, VIEW
from coalmine_aggregator.web.problems import ProblemError, bad_parameter
from coalmine_aggregator.web.query import parse_count, singles
from coalmine_aggregator.web.reader_tasks import NumbersGiven
from coalmine_aggregator.web.replies import json_body, json_reply
from coalmine_aggregator.web.spans import parse_time, parse_while

DEFAULT_INCIDENTS = 20
MAX_INCIDENTS = 200
MAX_ENTRIES = 1_000
NUMBERS_S = 90 * 86_400
LONGEST_NUMBERS_S = 3_660 * 86_400

OPEN = "open"
"""Stands for every state in which an incident goes on."""

SVG_POLICY = "default-src 'none'; style-src 'unsafe-inline'; sandbox; frame-ancestors 'none'"

_MAX_SERVICE = 255
_MAX_DIGITS = 18

_pack = msgspec.msgpack.Encoder()


@needs(Scope.READ)
async def incidents(request: web.Request) -> web.Response:
    """Pages of incidents, the newest first."""
    app = request.app
    filters = ("service", "state", "from", "to")
    values = singles(request.query.items(), known=(*filters, "after", "limit"))
    limit = parse_count(values, "limit", default=DEFAULT_INCIDENTS, most=MAX_INCIDENTS)
    wanted, before = _wanted(values), parse_cursor(values, int)
    desk = app[VIEW].incidents
    found = await desk.page(wanted, before, limit + 1)
    shown = found[:limit]
    more = len(found) > len(shown)
    return json_reply(
        Incidents(
            now=app[NOW](),
            incidents=[told(desk, each) for each in shown],
            next_=next_cursor(values, shown[-1].number) if more else None,
        )
    )


@needs(Scope.READ)
async def incident(request: web.Request) -> web.Response:
    """All that is known of one."""
    app, number = request.app, parse_number(request)
    values = singles(request.query.items(), known=("after", "limit"))
    limit = parse_count(values, "limit", default=MAX_ENTRIES, most=MAX_ENTRIES)
    after = parse_cursor(values, int) or 0
    desk = app[VIEW].incidents
    found = await find(desk, number)
    entries = await desk.entries(number, after, limit + 1)
    shown = entries[:limit]
    more = len(entries) > len(shown)
    record = await desk.public_record(number)
    return json_reply(
        IncidentDetail(
            now=app[NOW](),
            incident=told(desk, found),
            entries=[entry_item(each) for each in shown],
            next_=next_cursor(values, shown[-1].sequence) if more else None,
            postmortem=postmortem_item(found.postmortem),
            snapshots=[str(name) for name in await desk.snapshots(number)],
            public=None if record is None else public_item(record),
        )
    )


@needs(Scope.READ)
async def postmortem(request: web.Request) -> web.Response:
    """The post-mortem in Markdown; where nobody wrote one, what there is to begin with."""
    singles(request.query.items(), known=())
    desk, number = request.app[VIEW].incidents, parse_number(request)
    found = await find(desk, number)
    entries: list[Entry] = []
    after = 0
    while part := await desk.entries(number, after, MAX_ENTRIES):
        entries += part
        after = part[-1].sequence
    return web.Response(
        text=postmortem_text.render(found, entries, await desk.snapshots(number)),
        content_type="text/markdown",
        headers={
            "Cache-Control": "no-store",
            "Content-Disposition": f'inline; filename="incident-{number}.md"',
        },
    )


@needs(Scope.READ)
async def snapshot(request: web.Request) -> web.Response:
    """A graph that is kept with one, as SVG that can neither run nor fetch anything."""
    singles(request.query.items(), known=())
    desk, number = request.app[VIEW].incidents, parse_number(request)
    name = request.match_info["name"]
    await find(desk, number)
    made = await desk.snapshot(number, SnapshotName(name)) if name in set(SnapshotName) else None
    if made is None:
        raise ProblemError(
            HTTPStatus.NOT_FOUND,
            "no-such-snapshot",
            f"Incident {number} has no graph {name[:64]}.",
            hint=f"graphs are {' and '.join(SnapshotName)}; each is drawn about a minute after that",
        )
    return web.Response(
        body=made.body,
        content_type="image/svg+xml",
        charset="utf-8",
        headers={"Cache-Control": "no-store", "Content-Security-Policy": SVG_POLICY},
    )


@needs(Scope.READ)
async def numbers(request: web.Request) -> web.Response:
    """How soon incidents were seen, taken and over."""
    values = singles(request.query.items(), known=("last", "from", "to"))
    now = request.app[NOW]()
    first, end = parse_while(values, now, NUMBERS_S, LONGEST_NUMBERS_S)
    return json_body(
        await ask(request.app, "incident_numbers", _pack.encode(NumbersGiven(first, end, now)))
    )


def told(desk: IncidentDesk, found: Incident) -> IncidentItem:
    """The incident as it is told."""
    return incident_item(found, desk.standing(found), desk.remind_s)


async def find(desk: IncidentDesk, number: int) -> Incident:
    """The incident of that number. Raises `ProblemError`."""
    try:
        return await desk.find(number)
    except KeyError:
        raise no_such_incident(str(number)) from None


def parse_number(request: web.Request) -> int:
    """The number in the path. Raises `ProblemError`."""
    text = request.match_info["number"]
    if not (text.isascii() and text.isdecimal() and len(text) <= _MAX_DIGITS):
        raise no_such_incident(text)
    return int(text)


def no_such_incident(number: str) -> ProblemError:
    """The problem of an incident that there is not."""
    return ProblemError(
        HTTPStatus.NOT_FOUND,
        "no-such-incident",
        f"There is no incident {number[:64]}.",
        hint="an incident is named by its number; /api/v1/incidents lists them",
    )


def _wanted(values: Mapping[str, str]) -> IncidentsWanted:
    service = values.get("service")
    if service is not None and len(service) > _MAX_SERVICE:
        raise bad_parameter("service", f"service is longer than {_MAX_SERVICE} characters.")
    states = frozenset(IncidentState)
    if name := values.get("state"):
        if name == OPEN:
            states = frozenset(state for state in IncidentState if state.is_open)
        elif name in states:
            states = frozenset({IncidentState(name)})
        else:
            known = ", ".join((OPEN, *IncidentState))
            raise bad_parameter("state", f"There is no state {name[:64]}.", f"known are {known}")
    first = float(parse_time("from", values["from"])) if "from" in values else None
    last = float(parse_time("to", values["to"])) if "to" in values else None
    if first is not None and last is not None and last < first:
        raise bad_parameter("to", "to is before from.")
    return IncidentsWanted(service, states, first, last)
