"""A listener for small pages: `/metrics` and `/health` for this host, or what balancers ask for.

h11 frames the HTTP; nothing of a larger server is loaded. Connections are few, short and bounded.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import NamedTuple

import h11

from coalmine_runtime.logs import get_logger
from coalmine_runtime.quantities import Address, IPNetwork, lies_in

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
        self._allow_from = tuple(allow_from)
        self._max_connections = max_connections
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Task[None]] = set()
        self.refused = 0

    async def start(self, address: Address) -> None:
        """Raises OSError where the address cannot be had."""
        self._server = await asyncio.start_server(
            self._accept,
            address.host or None,
            address.port,
            limit=MAX_HEADER_BYTES,
            backlog=self._max_connections,
        )

    @property
    def port(self) -> int:
        """The port it listens on."""
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        """Stops listening and drops whoever is connected."""
        if self._server is not None:
            self._server.close()
            for task in self._open:
                task.cancel()
            await asyncio.gather(*self._open, return_exceptions=True)
            await self._server.wait_closed()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        if len(self._open) >= self._max_connections or not self._allows(writer):
            self.refused += 1
            writer.close()
            return
        self._open.add(task)
        try:
            async with asyncio.timeout(IDLE_S) as idle:
                await self._serve(reader, writer, idle)
        except (OSError, TimeoutError, h11.RemoteProtocolError):
            pass  # the other end's affair
        except asyncio.CancelledError:
            pass  # closing
        finally:
            self._open.discard(task)
            writer.close()

    def _allows(self, writer: asyncio.StreamWriter) -> bool:
        peer = writer.get_extra_info("peername")
        return peer is not None and (not self._allow_from or lies_in(peer[0], self._allow_from))

    async def _serve(
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
