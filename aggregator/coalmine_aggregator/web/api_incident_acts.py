"""What people do with incidents through `/api/v1/incidents`: every act is written down with their name,
in the timeline and in the audit log."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any, TypeVar

from aiohttp import web

from coalmine_aggregator.access.roles import Scope
from coalmine_aggregator.incidents import postmortem_text
from coalmine_aggregator.model.incident import Incident, Postmortem
from coalmine_aggregator.web.api_incidents import find, no_such_incident, parse_number, told
from coalmine_aggregator.web.bodies import Body, bad_body, read_body
from coalmine_aggregator.web.duty import NotKeptError
from coalmine_aggregator.web.entrance import IDENTITY, needs
from coalmine_aggregator.web.incident_answers import IncidentAnswer
from coalmine_aggregator.web.incident_bodies import (
    MergeBody,
    NoteBody,
    OpenBody,
    PostmortemBody,
    ReopenBody,
    TitleBody,
    UpdateBody,
)
from coalmine_aggregator.web.incident_desk import PostmortemChangedError
from coalmine_aggregator.web.incident_detail_answers import version_of
from coalmine_aggregator.web.kept import kept
from coalmine_aggregator.web.keys import AUDIT, NOW, VIEW
from coalmine_aggregator.web.listening import takes_up_to
from coalmine_aggregator.web.problems import ProblemError
from coalmine_aggregator.web.query import singles
from coalmine_aggregator.web.replies import json_reply

MAX_TEXTS = 256 * 1024
"""Bytes of a body with texts: the longest that are kept fit, in whatever writing."""

MAX_POSTMORTEM = 1 << 20
"""Bytes of a body with a post-mortem."""

_B = TypeVar("_B", bound=Body)


@needs(Scope.RESPOND)
@takes_up_to(MAX_TEXTS)
async def open_(request: web.Request) -> web.Response:
    """Opens one by hand."""
    body = await _body(request, OpenBody, MAX_TEXTS)
    opening, app = body.opening(), request.app
    with _acting(request, "open", None, OpenBody, "It is opened"):
        opened = await app[VIEW].incidents.open(opening, request[IDENTITY].name, app[NOW]())
    reply = _done(request, opened, "open", {"service": opened.service, "title": opened.title})
    reply.set_status(HTTPStatus.CREATED)
    return reply


@needs(Scope.RESPOND)
@takes_up_to(MAX_TEXTS)
async def update(request: web.Request) -> web.Response:
    """Says how it stands."""
    number, body = parse_number(request), await _body(request, UpdateBody, MAX_TEXTS)
    app = request.app
    with _acting(request, "update", number, UpdateBody, "It is said"):
        changed = await app[VIEW].incidents.update(
            number,
            state=body.state,
            text=body.text,
            public=body.public,
            who=request[IDENTITY].name,
            now=app[NOW](),
        )
    detail = {"state": str(changed.state), "is_public": bool(body.public.strip())}
    return _done(request, changed, "update", detail)


@needs(Scope.RESPOND)
@takes_up_to(MAX_TEXTS)
async def note(request: web.Request) -> web.Response:
    """Notes something for those who work on it."""
    number, body = parse_number(request), await _body(request, NoteBody, MAX_TEXTS)
    app = request.app
    with _acting(request, "note", number, NoteBody, "It is noted"):
        changed = await app[VIEW].incidents.note(number, body.text, request[IDENTITY].name, app[NOW]())
    return _done(request, changed, "note")


@needs(Scope.RESPOND)
async def title(request: web.Request) -> web.Response:
    """Calls it otherwise."""
    number, body = parse_number(request), await _body(request, TitleBody)
    if body.title is None and body.public_title is None:
        raise bad_body("", "There is no title in it.", "give title, public_title or both")
    app = request.app
    with _acting(request, "title", number, TitleBody, "It is called that"):
        changed = await app[VIEW].incidents.title(
            number, body.title, body.public_title, request[IDENTITY].name, app[NOW]()
        )
    detail = {"title": changed.title, "public_title": changed.public_title}
    return _done(request, changed, "title", detail)


@needs(Scope.OPERATE)
async def publish(request: web.Request) -> web.Response:
    """Customers see it."""
    return await _decided(request, "publish", "It is published", request.app[VIEW].incidents.publish)


@needs(Scope.OPERATE)
async def withhold(request: web.Request) -> web.Response:
    """Customers see it nowhere."""
    return await _decided(request, "withhold", "It is withheld", request.app[VIEW].incidents.withhold)


@needs(Scope.RESPOND)
@takes_up_to(MAX_TEXTS)
async def reopen(request: web.Request) -> web.Response:
    """It goes on after all."""
    number, body = parse_number(request), await _body(request, ReopenBody, MAX_TEXTS)
    app, who = request.app, request[IDENTITY].name
    with _acting(request, "reopen", number, ReopenBody, "It is reopened"):
        changed = await app[VIEW].incidents.reopen(number, body.text, who, app[NOW]())
    return _done(request, changed, "reopen")


@needs(Scope.RESPOND)
async def merge(request: web.Request) -> web.Response:
    """It is part of another, which is answered."""
    number, body = parse_number(request), await _body(request, MergeBody)
    app = request.app
    desk = app[VIEW].incidents
    for each in (number, body.into):
        await find(desk, each)
    with _acting(request, "merge", number, MergeBody, "It is merged"):
        survivor = await desk.merge(number, body.into, request[IDENTITY].name, app[NOW]())
    app[AUDIT].put(request[IDENTITY], "incident.merge", str(number), {"into": survivor.number})
    return json_reply(IncidentAnswer(app[NOW](), told(desk, survivor)))


@needs(Scope.RESPOND)
@takes_up_to(MAX_POSTMORTEM)
async def write_up(request: web.Request) -> web.Response:
    """Puts a post-mortem in place of the one before."""
    number, body = parse_number(request), await _body(request, PostmortemBody, MAX_POSTMORTEM)
    app = request.app
    desk, written = app[VIEW].incidents, _postmortem(body)
    over = None
    if body.replaces is not None:
        over = (await find(desk, number)).postmortem
        if body.replaces != version_of(over):
            raise _changed(number)
    with _acting(request, "postmortem", number, PostmortemBody, "It is written"):
        try:
            changed = await desk.write_up(number, written, request[IDENTITY].name, app[NOW](), over)
        except PostmortemChangedError:
            raise _changed(number) from None
    return _done(request, changed, "postmortem", {"version": version_of(changed.postmortem)})


async def _decided(
    request: web.Request, act: str, what: str, decide: Callable[[int, str, float], Awaitable[Incident]]
) -> web.Response:
    """An act that takes nothing but the incident's number."""
    number = parse_number(request)
    await _body(request, Body)
    with _acting(request, act, number, Body, what):
        changed = await decide(number, request[IDENTITY].name, request.app[NOW]())
    return _done(request, changed, act)


def _changed(number: int) -> ProblemError:
    return ProblemError(
        HTTPStatus.CONFLICT,
        "postmortem-changed",
        f"Somebody else wrote the post-mortem of incident {number} meanwhile.",
        hint="read it again, and put the two together",
    )


def _postmortem(body: PostmortemBody) -> Postmortem:
    parts = body.parts()
    if not body.markdown:
        return parts
    if parts != Postmortem():
        raise bad_body("markdown", "Either markdown, or the parts.")
    try:
        return postmortem_text.parse(body.markdown)
    except ValueError as error:
        raise bad_body("markdown", f"{error}.") from None


async def _body(request: web.Request, kind: type[_B], most: int | None = None) -> _B:
    singles(request.query.items(), known=())
    return await (read_body(request, kind) if most is None else read_body(request, kind, most))


def _done(
    request: web.Request, changed: Incident, act: str, detail: dict[str, Any] | None = None
) -> web.Response:
    app = request.app
    app[AUDIT].put(request[IDENTITY], f"incident.{act}", str(changed.number), detail)
    return json_reply(IncidentAnswer(app[NOW](), told(app[VIEW].incidents, changed)))


@contextmanager
def _acting(
    request: web.Request, act: str, number: int | None, kind: type[Body], what: str
) -> Iterator[None]:
    """Around an act on an incident; `what` says that it is done. `number` is None of a new one."""
    try:
        with kept(what):
            try:
                yield
            except NotKeptError:
                # It stands all the same, and is written with this as soon as that can be.
                named = "" if number is None else str(number)
                request.app[AUDIT].put(
                    request[IDENTITY], f"incident.{act}", named, {"was_kept_late": True}
                )
                raise
    except KeyError as error:
        raise no_such_incident(str(error.args[0])) from None
    except ValueError as error:
        field, colon, why = str(error).partition(": ")
        member = field.partition(".")[0].partition("[")[0]  # of actions[0].due, for one
        if colon and member in kind.__struct_fields__:
            raise bad_body(field, f"{field} {why}.") from None
        said = why or str(error)
        raise ProblemError(
            HTTPStatus.CONFLICT,
            "incident-conflict",
            f"{said[:1].upper()}{said[1:]}.",
            hint="see how it stands: coalmine incidents show "
            + ("NUMBER" if number is None else str(number)),
        ) from None
