"""Lets in who may come in, for what a route needs, and refuses requests that another site had sent.

Every handler says what it needs: `@needs(Scope.READ)`, or `@open_to_all`. One that says nothing keeps
the application from being made.
"""

from __future__ import annotations

import hmac
import math
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, TypeVar
from urllib.parse import urlencode

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from coalmine_aggregator.access.gate import Gate, Refused
from coalmine_aggregator.access.identity import Identity, Via
from coalmine_aggregator.access.roles import Scope
from coalmine_aggregator.web.problems import ProblemError

IDENTITY = web.RequestKey("identity", Identity)
"""Who is asking, in every handler that is not open to all."""

CSRF_HEADER = "X-Coalmine-CSRF"
SAFE = frozenset({"GET", "HEAD"})
MAX_NEXT = 1000
"""Characters of where somebody wanted to go before signing in."""

_NEEDS = "coalmine_needs"
_OPEN = "open"

H = TypeVar("H", bound=Callable[..., Any])


def needs(scope: Scope) -> Callable[[H], H]:
    """Marks a handler as one for those who may do this."""

    def mark(handler: H) -> H:
        setattr(handler, _NEEDS, scope)
        return handler

    return mark


def open_to_all(handler: H) -> H:
    """Marks a handler as one for everybody who reaches the listener."""
    setattr(handler, _NEEDS, _OPEN)
    return handler


def need_of(handler: object) -> Scope | None:
    """What a handler needs; None if open to all. Raises `LookupError` where it says neither."""
    need = getattr(handler, _NEEDS, None)
    if need is None:
        raise LookupError(f"{handler} states no scope: decorate it with @needs(...) or @open_to_all")
    return None if need == _OPEN else Scope(need)


def check_routes(app: web.Application) -> None:
    """Raises `LookupError` where a route's handler does not say what it needs."""
    for route in app.router.routes():
        need_of(route.handler)


def entrance(
    gate: Gate, now: Callable[[], float], boottime: Callable[[], float], *, signs_in: bool = True
) -> Middleware:
    """Lets a request through to its handler if whoever sends it may do what that needs.

    `now` reads the wall clock, `boottime` one that never steps. `signs_in` says that there is a page
    here at which people sign in.
    """
    signs_in = signs_in and gate.signs_in

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        need = _need(request)
        if need is None:
            return await handler(request)
        identity = gate.identify(
            request.remote or "",
            request.headers,
            request.cookies.get(gate.cookie, ""),
            now(),
            boottime(),
        )
        if isinstance(identity, Refused):
            raise _refusal(identity, request, signs_in=signs_in)
        if not identity.may(need):
            raise ProblemError(
                HTTPStatus.FORBIDDEN,
                "forbidden",
                f"This needs the scope {need}, which {identity.name} ({identity.role}) has not.",
            )
        exists = request.match_info.http_exception is None
        if exists and request.method not in SAFE and identity.csrf:
            _check_source(request, identity)
        request[IDENTITY] = identity
        return await handler(request)

    return check


def same_site(request: web.Request) -> None:
    """Refuses what a page of another site had a browser send. Raises `ProblemError`."""
    origin = request.headers.get("Origin")
    foreign = origin is not None and origin.partition("://")[2] != request.headers.get("Host")
    if foreign or request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        raise ProblemError(HTTPStatus.FORBIDDEN, "foreign-form", "This form is for our own page only.")


def _need(request: web.Request) -> Scope | None:
    if request.match_info.http_exception is not None:
        return Scope.READ  # nobody is told from outside which addresses there are
    return need_of(request.match_info.handler)


def _check_source(request: web.Request, identity: Identity) -> None:
    """A browser sends a session, or what its proxy makes of it, whoever made the page that asks."""
    same_site(request)
    told = any(header in request.headers for header in ("Origin", "Sec-Fetch-Site"))
    given = request.headers.get(CSRF_HEADER, "").encode("utf-8", "surrogatepass")
    if not hmac.compare_digest(given, identity.csrf.encode()) or not (
        told or identity.via is Via.LOCAL
    ):
        raise ProblemError(
            HTTPStatus.FORBIDDEN,
            "csrf",
            f"A request that changes something comes from our own page, with {CSRF_HEADER}.",
            hint="GET /api/v1/me says what to send; a bearer token needs neither",
        )


def _refusal(refused: Refused, request: web.Request, *, signs_in: bool) -> Exception:
    if refused.wait_s > 0:
        return too_many(refused.reason, refused.wait_s)
    if refused.known:
        return ProblemError(HTTPStatus.FORBIDDEN, "no-role", refused.reason)
    page = request.method in SAFE and "text/html" in request.headers.get("Accept", "")
    if page and signs_in and "Authorization" not in request.headers:
        return web.HTTPSeeOther(f"/login?{urlencode({'next': request.raw_path[:MAX_NEXT]})}")
    return ProblemError(
        HTTPStatus.UNAUTHORIZED,
        "unauthorized",
        refused.reason,
        hint="send Authorization: Bearer TOKEN, or open /login in a browser",
        headers={"WWW-Authenticate": 'Bearer realm="coalmine"'},
    )


def too_many(what: str, wait_s: float) -> ProblemError:
    """The answer to an address that failed too often."""
    return ProblemError(
        HTTPStatus.TOO_MANY_REQUESTS,
        "too-many-failures",
        what,
        headers={"Retry-After": str(math.ceil(wait_s))},
    )
