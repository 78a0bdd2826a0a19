"""The listener of an application, patient with slow clients but not for ever.

Who connects has `HEAD_S` to send the head of a first request, `BODY_S` for each body, `IDLE_S` for the
next request, and `SEND_S` to take a large answer; whoever is slower is cut off. A body that is longer
than any that is read here is refused by its head.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Callable
from http import HTTPStatus
from typing import Any, Final, TypeVar

from aiohttp import web
from aiohttp.typedefs import Handler

from coalmine_aggregator.web.problems import ProblemError
from coalmine_runtime.logs import get_logger

HEAD_S: Final = 10.0
BODY_S: Final = 10.0
IDLE_S: Final = 60.0
LINGER_S: Final = 1.0
"""How long a body that nobody reads is waited for before the connection is closed."""

STOP_S: Final = 5.0
"""Open requests have this long to end."""

LARGE: Final = 1 << 20
SEND_S: Final = 60.0
"""An answer of more than `LARGE` bytes is taken within this time, or never."""

MAX_BODY: Final = 16 * 1024
"""Bytes; hardly anything takes a body at all. See `takes_up_to`."""

log = get_logger("web")

_TAKES = "coalmine_takes_up_to"

H = TypeVar("H", bound=Callable[..., Any])

_WAITING: web.AppKey[set[asyncio.BaseProtocol]] = web.AppKey("waiting")


def takes_up_to(size: int) -> Callable[[H], H]:
    """Marks a handler that reads longer bodies, of up to so many bytes, and bounds them itself."""

    def mark(handler: H) -> H:
        setattr(handler, _TAKES, size)
        return handler

    return mark


def too_long(most: int) -> ProblemError:
    """The problem of a body of more than `most` bytes."""
    return ProblemError(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        "request-entity-too-large",
        f"A body here has {most} bytes at most.",
        headers={"Connection": "close"},
    )


@web.middleware
async def patience(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuses bodies that are too long or too slow."""
    waiting = request.app.get(_WAITING)
    if waiting is not None:
        waiting.discard(request.protocol)
    if request.can_read_body:
        most = getattr(request.match_info.handler, _TAKES, MAX_BODY)
        if (request.content_length or 0) > most:
            raise too_long(most)
        try:
            async with asyncio.timeout(BODY_S):
                response = await handler(request)
        except TimeoutError:
            raise ProblemError(
                HTTPStatus.REQUEST_TIMEOUT,
                "request-timeout",
                f"The body did not come within {BODY_S:.0f} s.",
                headers={"Connection": "close"},
            ) from None
    else:
        response = await handler(request)
    return await _sent(request, response)


async def _sent(request: web.Request, response: web.StreamResponse) -> web.StreamResponse:
    """A large answer waits for its reader, but not for ever."""
    if isinstance(response, web.Response) and (response.content_length or 0) > LARGE:
        try:
            async with asyncio.timeout(SEND_S):
                await response.prepare(request)
                await response.write_eof()
        except TimeoutError:
            log.warning("web.answer.cut_off", path=request.path, size=response.content_length)
            if request.transport is not None:
                request.transport.abort()
    return response


@contextlib.asynccontextmanager
async def listening(
    app: web.Application,
    host: str | None,
    port: int,
    context: ssl.SSLContext | None = None,
    *,
    head_s: float = HEAD_S,
) -> AsyncIterator[int]:
    """Listens, and gives the port. Raises OSError."""
    waiting: set[asyncio.BaseProtocol] = set()
    app[_WAITING] = waiting
    runner = web.AppRunner(
        app,
        access_log=None,
        shutdown_timeout=STOP_S,
        keepalive_timeout=IDLE_S,
        lingering_time=LINGER_S,
    )
    await runner.setup()
    loop = asyncio.get_running_loop()
    make = runner.server
    assert make is not None

    def connected() -> asyncio.Protocol:
        protocol = make()
        waiting.add(protocol)
        loop.call_later(head_s, give_up, protocol)
        return protocol

    def give_up(protocol: web.RequestHandler) -> None:
        if protocol in waiting:
            waiting.discard(protocol)
            if protocol.transport is not None:
                protocol.transport.abort()

    try:
        server = await loop.create_server(
            connected,
            host,
            port,
            ssl=context,
            ssl_handshake_timeout=None if context is None else HEAD_S,
        )
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            server.close()
    finally:
        await runner.cleanup()
