"""What stands in front of every handler: the Host check, that of the path, and the security headers.

A page on a foreign site can make a browser resolve its own name to our address (DNS rebinding); the
request then carries that name as its Host. Literal addresses cannot be rebound, so they, `localhost`
and the configured names are let through, everything else is refused.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from http import HTTPStatus

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from coalmine_aggregator.web.problems import ProblemError
from coalmine_aggregator.web.query import check_text

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)

HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Not "no-referrer": browsers would then send our own forms with `Origin: null`.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


def host_check(names: Iterable[str]) -> Middleware:
    """Refuses requests whose Host is neither an address nor one of `names` nor `localhost`."""
    allowed = {"localhost", *(name.lower() for name in names)}

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        host = host_name(request.headers.get("Host", ""))
        if host not in allowed and not is_address(host):
            raise ProblemError(
                HTTPStatus.MISDIRECTED_REQUEST,
                "unknown-host",
                "This host name is not one of this aggregator's.",
                hint="add it to web.hosts, or use the address",
            )
        return await handler(request)

    return check


@web.middleware
async def path_check(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuses names in the path that are not plain text, as `singles` does those behind it."""
    for name, part in request.match_info.items():
        check_text(name, part)
    return await handler(request)


async def add_headers(_request: web.Request, response: web.StreamResponse) -> None:
    """Puts the security headers on every response (a signal: streams are covered too)."""
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers.pop("Server", None)


def host_name(host: str) -> str:
    """The Host header without its port, in lower case; brackets of an IPv6 address are dropped."""
    host = host.strip().lower()
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0].removesuffix(".")


def is_address(host: str) -> bool:
    """Whether this is a literal IPv4 or IPv6 address."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
