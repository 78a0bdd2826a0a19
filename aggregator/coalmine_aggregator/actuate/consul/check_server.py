"""The listener for HTTP checks: a short request a connection; whoever is slow is cut off.

HTTP itself is h11's.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Sequence
from http import HTTPStatus
from urllib.parse import unquote

import h11

from coalmine_aggregator.actuate.consul.check_answer import CheckAnswer
from coalmine_runtime.quantities import Address, IPNetwork, lies_in
from coalmine_runtime.short_connections import ShortConnections

MAX_CONNECTIONS = 512
"""At a time."""

MAX_HEAD = 8192
"""Bytes of request line and headers."""

REQUEST_S = 5.0
"""From the connection to the answer, TLS apart."""

HANDSHAKE_S = 5.0

_METHODS = (b"GET", b"HEAD")


class CheckServer:
    """`answer` gives what a check of a service and a node is told; it must not block. No `allow_from`:
    everybody may ask."""

    def __init__(
        self, answer: Callable[[str, str], CheckAnswer], allow_from: Sequence[IPNetwork] = ()
    ) -> None:
        self._answer = answer
        self._allow_from = tuple(allow_from)
        # Whoever may not ask is told so: that is a check's answer as well.
        self._connections = ShortConnections("consul_checks", self._serve, most=MAX_CONNECTIONS)

    async def start(self, address: Address, context: ssl.SSLContext | None) -> None:
        """Raises OSError where the address cannot be had."""
        handshake_s = None if context is None else HANDSHAKE_S
        await self._connections.start(address, limit=MAX_HEAD, context=context, handshake_s=handshake_s)

    @property
    def port(self) -> int:
        """The port it listens on."""
        return self._connections.port

    async def close(self) -> None:
        """Stops listening and drops whoever is connected."""
        await self._connections.close()

    async def _serve(
        self, peer: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        async with asyncio.timeout(REQUEST_S):
            await self._answer_one(peer, reader, writer)

    async def _answer_one(
        self, peer: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        http = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEAD)
        try:
            while (event := http.next_event()) is h11.NEED_DATA:
                http.receive_data(await reader.read(MAX_HEAD))
            if not isinstance(event, h11.Request):
                return  # it said nothing
            status, text = self._asked(peer, event)
            has_body = event.method != b"HEAD"
        except h11.RemoteProtocolError as error:
            status, text, has_body = error.error_status_hint, "not understood", True
        writer.write(_encoded(http, status, text, has_body=has_body))
        await writer.drain()

    def _asked(self, peer: str, request: h11.Request) -> CheckAnswer:
        if self._allow_from and not lies_in(peer, self._allow_from):
            return CheckAnswer(HTTPStatus.FORBIDDEN, f"{peer} is none of allow_from")
        if request.method not in _METHODS:
            return CheckAnswer(HTTPStatus.METHOD_NOT_ALLOWED, "GET and HEAD alone")
        path = request.target.partition(b"?")[0].decode("ascii", errors="replace")
        match [unquote(part) for part in path.split("/")]:
            case ["", "check", service, node] if service and node:
                return self._answer(service, node)
        return CheckAnswer(HTTPStatus.NOT_FOUND, "expected /check/<service>/<node>")


def _encoded(http: h11.Connection, status: int, text: str, *, has_body: bool) -> bytes:
    body = f"{text}\n".encode()
    headers = [
        ("Content-Type", "text/plain; charset=utf-8"),
        ("Content-Length", str(len(body))),
        ("Cache-Control", "no-store"),
        ("X-Content-Type-Options", "nosniff"),
        ("Connection", "close"),
    ]
    reason = HTTPStatus(status).phrase
    response = h11.Response(status_code=status, headers=headers, reason=reason)
    data = [h11.Data(data=body)] if has_body else []
    return b"".join(http.send(part) or b"" for part in (response, *data, h11.EndOfMessage()))
