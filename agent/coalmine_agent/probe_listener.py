"""A listener for small pages: `/metrics` and `/health` for this host, or what balancers ask for.

h11 frames the HTTP; nothing of a larger server is loaded. Connections are few, short and bounded.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import NamedTuple

import h11

from coalmine_runtime.logs import get_logger
from coalmine_runtime.quantities import Address, IPNetwork
from coalmine_runtime.short_connections import ShortConnections

log = get_logger("agent")

MAX_CONNECTIONS = 32
IDLE_S = 10.0
MAX_HEADER_BYTES = 8 << 10

_NAMED = 8  # pages that are named to who asks for another


class Answer(NamedTuple):
    """What a path answers with."""

    status: int
    content_type: str
    body: bytes


Pages = dict[str, Callable[[], Answer]]

_JSON = "application/json"


class ProbeListener:
    """Serves `pages`, by path, as they are when somebody asks. Made by `open_listener`."""

    def __init__(self, pages: Pages, allow_from: Sequence[IPNetwork], max_connections: int) -> None:
        self._pages = pages
        self._connections = ShortConnections(
            "pages", self._serve, most=max_connections, allow_from=allow_from
        )

    async def start(self, address: Address) -> None:
        """Raises OSError where the address cannot be had."""
        await self._connections.start(address, limit=MAX_HEADER_BYTES)

    @property
    def port(self) -> int:
        """The port it listens on."""
        return self._connections.port

    async def close(self) -> None:
        """Stops listening and drops whoever is connected."""
        await self._connections.close()

    async def _serve(
        self, _peer: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        try:
            async with asyncio.timeout(IDLE_S) as idle:
                await self._converse(reader, writer, idle)
        except h11.RemoteProtocolError:
            pass  # the other end's affair

    async def _converse(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, idle: asyncio.Timeout
    ) -> None:
        http = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEADER_BYTES)
        request: h11.Request | None = None
        while True:
            event = http.next_event()
            if event is h11.NEED_DATA:
                http.receive_data(await reader.read(4096))
            elif isinstance(event, h11.Request):
                request = event
            elif isinstance(event, h11.EndOfMessage) and request is not None:
                self._answer(http, writer, request)
                await writer.drain()
                if http.our_state is not h11.DONE:
                    return
                http.start_next_cycle()
                idle.reschedule(asyncio.get_running_loop().time() + IDLE_S)
            elif isinstance(event, h11.ConnectionClosed) or event is h11.PAUSED:
                return

    def _answer(self, http: h11.Connection, writer: asyncio.StreamWriter, request: h11.Request) -> None:
        path = request.target.split(b"?", 1)[0].decode("latin-1")
        page = self._pages.get(path)
        if request.method not in (b"GET", b"HEAD"):
            answer = Answer(405, _JSON, b'{"error": "only GET and HEAD"}\n')
        elif page is None:
            known = " and ".join(list(self._pages)[:_NAMED])
            answer = Answer(404, _JSON, b'{"error": "only %s"}\n' % known.encode("latin-1"))
        else:
            answer = page()
        headers = [
            ("content-type", answer.content_type),
            ("content-length", str(len(answer.body))),
            ("cache-control", "no-store"),
        ]
        if answer.status == 405:
            headers.append(("allow", "GET, HEAD"))
        events: list[h11.Event] = [h11.Response(status_code=answer.status, headers=headers)]
        if request.method != b"HEAD":
            events.append(h11.Data(data=answer.body))
        events.append(h11.EndOfMessage())
        writer.write(b"".join(http.send(event) or b"" for event in events))


async def open_listener(
    address: Address,
    pages: Pages,
    *,
    allow_from: Sequence[IPNetwork] = (),
    max_connections: int = MAX_CONNECTIONS,
) -> ProbeListener:
    """No `allow_from`: everybody who can reach it may ask. Raises OSError where the address cannot be
    had."""
    listener = ProbeListener(pages, allow_from, max_connections)
    await listener.start(address)
    log.info("agent.pages.listening", address=address, pages=" ".join(list(pages)[:_NAMED]))
    return listener
