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

MAX_CONNECTIONS = 512
"""At a time; the oldest gives way, as who checks is quick and who holds on does not check."""

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
        self._server: asyncio.Server | None = None
        self._open: dict[asyncio.Task[None], None] = {}

    async def start(self, address: Address, context: ssl.SSLContext | None) -> None:
        """Raises OSError where the address cannot be had."""
        self._server = await asyncio.start_server(
            self._accept,
            address.host or None,
            address.port,
            ssl=context,
            ssl_handshake_timeout=None if context is None else HANDSHAKE_S,
            limit=MAX_HEAD,
        )

    @property
    def port(self) -> int:
        """The port it listens on."""
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        """Stops listening and drops whoever is connected."""
        assert self._server is not None
        self._server.close()
        tasks = list(self._open)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._server.wait_closed()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        peer = writer.get_extra_info("peername")
        if task is None or peer is None:
            writer.close()
            return
        while len(self._open) >= MAX_CONNECTIONS:
            oldest = next(iter(self._open))
            del self._open[oldest]
            oldest.cancel()
        self._open[task] = None
        try:
            async with asyncio.timeout(REQUEST_S):
                await self._serve(peer[0], reader, writer)
        except (OSError, TimeoutError, asyncio.CancelledError):
            pass  # the other end's affair, or it gave way
        finally:
            self._open.pop(task, None)
            writer.close()

    async def _serve(
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
