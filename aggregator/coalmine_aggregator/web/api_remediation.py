"""`/api/v1/remediation`: which nodes are out and why, and what people say of that."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any, TypeVar

from aiohttp import web

from coalmine_aggregator.access.roles import Scope
from coalmine_aggregator.actuate.stop_file import NotWrittenError
from coalmine_aggregator.web.bodies import Body, bad_body, read_body
from coalmine_aggregator.web.cursors import next_cursor, parse_cursor
from coalmine_aggregator.web.duty import NotKeptError
from coalmine_aggregator.web.entrance import IDENTITY, needs
from coalmine_aggregator.web.kept import kept
from coalmine_aggregator.web.keys import AUDIT, NOW, VIEW
from coalmine_aggregator.web.problems import ProblemError, bad_parameter
from coalmine_aggregator.web.query import parse_count, singles
from coalmine_aggregator.web.remediation_answers import (
    RemediationLog,
    controls_answer,
    log_item,
    remediation_answer,
)
from coalmine_aggregator.web.remediation_bodies import PinBody, ReleaseBody, StopBody
from coalmine_aggregator.web.remediation_desk import RemediationDesk
from coalmine_aggregator.web.replies import json_reply
from coalmine_aggregator.web.spans import parse_length

DEFAULT_LOG = 50
MAX_LOG = 200
MAX_NUMBER = 2**63 - 1

_MAX_NAME = 255
_MAX_NEAR = 3
_MAX_KNOWN = 20

_B = TypeVar("_B", bound=Body)


@needs(Scope.READ)
async def remediation(request: web.Request) -> web.Response:
    """What is decided, and what is in force."""
    values = singles(request.query.items(), known=("service",))
    desk, service = _desk(request), values.get("service")
    if service is not None and service not in desk.rules:
        raise _no_such_service(desk, service)
    return json_reply(remediation_answer(desk, request.app[NOW](), service))


@needs(Scope.READ)
async def log(request: web.Request) -> web.Response:
    """Pages of what was done, the newest first."""
    values = singles(request.query.items(), known=("service", "node", "last", "after", "limit"))
    limit = parse_count(values, "limit", default=DEFAULT_LOG, most=MAX_LOG)
    for name in ("service", "node"):
        if len(values.get(name, "")) > _MAX_NAME:
            raise bad_parameter(name, f"{name} is longer than {_MAX_NAME} characters.")
    desk, now = _desk(request), request.app[NOW]()
    since = now - parse_length("last", values["last"]) if "last" in values else None
    before = parse_cursor(values, int)
    found = await desk.log(
        before=MAX_NUMBER if before is None else max(0, min(before, MAX_NUMBER)),
        limit=limit + 1,
        service=values.get("service", ""),
        node=values.get("node", ""),
    )
    in_time = [each for each in found if since is None or each.event.at >= since]
    shown = in_time[:limit]
    more = len(in_time) > limit
    return json_reply(
        RemediationLog(
            now=now,
            events=[log_item(each) for each in shown],
            next_=next_cursor(values, shown[-1].number) if more else None,
        )
    )


@needs(Scope.OPERATE)
async def pin(request: web.Request) -> web.Response:
    """Keeps a node in or out."""
    body, desk, who = await _body(request, PinBody), _desk(request), request[IDENTITY].name
    _check_node(desk, body.service, body.node)
    detail = {"state": str(body.state), "why": body.why}
    with _acting(request, "pin", f"{body.service}/{body.node}", "It is pinned", detail):
        await desk.pin(body.service, body.node, body.state, who, body.why, request.app[NOW]())
    return _controls(request, desk)


@needs(Scope.OPERATE)
async def release(request: web.Request) -> web.Response:
    """Takes a pin off."""
    body, desk, who = await _body(request, ReleaseBody), _desk(request), request[IDENTITY].name
    if body.service not in desk.rules:
        raise _no_such_service(desk, body.service)
    with _acting(request, "release", f"{body.service}/{body.node}", "It is released"):
        try:
            await desk.release(body.service, body.node, who, request.app[NOW]())
        except KeyError:
            pinned = [each.node for each in desk.pins if each.service == body.service]
            raise ProblemError(
                HTTPStatus.NOT_FOUND,
                "no-such-pin",
                f"{body.node[:64]} of {body.service} is not pinned.",
                hint=f"pinned are {', '.join(pinned[:20])}" if pinned else "none of its nodes is",
                parameter="node",
            ) from None
    return _controls(request, desk)


@needs(Scope.OPERATE)
async def stop(request: web.Request) -> web.Response:
    """Pulls the big switch."""
    body, desk, who = await _body(request, StopBody), _desk(request), request[IDENTITY].name
    with _acting(request, "stop", "", "It is stopped", {"why": body.why}):
        try:
            await desk.stop(who, body.why, request.app[NOW]())
        except NotWrittenError as error:
            late = {"why": body.why, "was_kept_late": True}
            request.app[AUDIT].put(request[IDENTITY], "remediation.stop", "", late)
            raise ProblemError(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "not-kept",
                f"It is stopped, but the stop file is not written: {error}. "
                "A restart now would forget it.",
                hint="it is tried again each second; remediation is stopped until it is resumed",
            ) from None
    return _controls(request, desk)


@needs(Scope.OPERATE)
async def resume(request: web.Request) -> web.Response:
    """Puts it back."""
    await _body(request, Body)
    desk, who = _desk(request), request[IDENTITY].name
    with _acting(request, "resume", "", "It goes on"):
        await desk.resume(who, request.app[NOW]())
    return _controls(request, desk)


def _desk(request: web.Request) -> RemediationDesk:
    desk = request.app[VIEW].remediation
    if desk is None:
        raise ProblemError(
            HTTPStatus.NOT_FOUND,
            "no-such-remediation",
            "No service has opted in to remediation.",
            hint="remediation.services of the configuration says which do",
        )
    return desk


async def _body(request: web.Request, kind: type[_B]) -> _B:
    singles(request.query.items(), known=())
    return await read_body(request, kind)


def _controls(request: web.Request, desk: RemediationDesk) -> web.Response:
    return json_reply(controls_answer(desk, request.app[NOW]()))


@contextmanager
def _acting(
    request: web.Request, act: str, subject: str, done: str, detail: dict[str, Any] | None = None
) -> Iterator[None]:
    """Around what somebody does; `done` says that it is done."""
    audit, who = request.app[AUDIT], request[IDENTITY]
    try:
        with kept(done):
            try:
                yield
            except NotKeptError:
                # It stands all the same, and is written with this as soon as that can be.
                late = {**(detail or {}), "was_kept_late": True}
                audit.put(who, f"remediation.{act}", subject, late)
                raise
    except OSError as error:
        raise ProblemError(
            HTTPStatus.SERVICE_UNAVAILABLE,
            "not-done",
            f"The stop file cannot be removed: {error.strerror or error}.",
            hint="coalmine remediation resume --config removes it from the aggregator's host",
        ) from None
    except ValueError as error:
        field, colon, why = str(error).partition(": ")
        if colon and field in PinBody.__struct_fields__:
            raise bad_body(field, f"{why[:1].upper()}{why[1:]}.") from None
        raise ProblemError(HTTPStatus.CONFLICT, "remediation-conflict", f"Not so: {error}.") from None
    audit.put(who, f"remediation.{act}", subject, detail)


def _check_node(desk: RemediationDesk, service: str, node: str) -> None:
    """Refuses a node that there is not. While nobody knows the nodes, any name may be one."""
    if service not in desk.rules:
        raise _no_such_service(desk, service)
    watched = desk.watched().get(service)
    known = [] if watched is None else [view.node for view in watched.views]
    if not known or node in known:
        return
    near = difflib.get_close_matches(node, known, n=_MAX_NEAR)
    meant = f": did you mean {' or '.join(near)}?" if near else "."
    named = ", ".join(sorted(known)[:_MAX_KNOWN])
    raise ProblemError(
        HTTPStatus.NOT_FOUND,
        "no-such-node",
        f"{service} has no node {node[:64]}{meant}",
        hint=f"it has {len(known)}: {named}{', ...' * (len(known) > _MAX_KNOWN)}",
        parameter="node",
    )


def _no_such_service(desk: RemediationDesk, service: str) -> ProblemError:
    return ProblemError(
        HTTPStatus.NOT_FOUND,
        "no-such-service",
        f"There is no service {service[:64]} that has opted in to remediation.",
        hint=f"those that did are {', '.join(desk.rules)}",
        parameter="service",
    )
