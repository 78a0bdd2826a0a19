"""The doors of the service under test: one listener a protocol, to be closed and reopened.

Whatever comes in is handed on as blocks of plaintext lines. The aggregator's receivers do not do here:
they count in columns, while a service that loses single datapoints has to look at each of them.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Iterable
from typing import Protocol as Interface

from aiohttp import web

from coalmine_aggregator.demo.ports import HOST, free_port
from coalmine_runtime.logs import get_logger
from coalmine_wire.pickle_codec import PickleError, Point, decode_points
from coalmine_wire.pickle_frames import FrameCutter, FrameTooLongError
from coalmine_wire.plaintext import LineFramer
from coalmine_wire.protocols import Protocol

_log = get_logger("demo.service")

SINK_PATH = "/api/v1/sink"
"""Where datapoints are posted by HTTPS."""

_BACKLOG = 512
_MAX_BODY = 64 << 10

Sink = Callable[[bytes], None]


class Door(Interface):
    """Opens at `port`, which stays the same."""

    port: int

    async def open(self) -> None:
        """Takes datapoints from now on."""

    async def close(self) -> None:
        """Refuses from now on."""


class _Lines(asyncio.Protocol):
    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._framer = LineFramer()

    def data_received(self, data: bytes) -> None:
        if block := self._framer.feed(data):
            self._sink(block)


class _Pickles(asyncio.Protocol):
    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._cutter = FrameCutter()
        self._transport: asyncio.BaseTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        frames: list[bytes] = []
        try:
            self._cutter.feed(data, frames)
            for frame in frames:
                self._sink(_lines(decode_points(frame).points))
        except (FrameTooLongError, PickleError) as error:
            _log.warning("demo.service.pickle", error=error)
            assert self._transport is not None
            self._transport.close()


def _lines(points: Iterable[Point]) -> bytes:
    return b"".join(
        b"%b %d %d\n" % (point.name, int(point.value), int(point.timestamp)) for point in points
    )


class StreamDoor:
    """Lines or pickles over TCP, with or without TLS."""

    def __init__(
        self,
        factory: Callable[[], asyncio.Protocol],
        context: ssl.SSLContext | None,
        port: int | None = None,
    ) -> None:
        self.port = free_port() if port is None else port
        self._factory = factory
        self._context = context
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            self._factory, HOST, self.port, ssl=self._context, backlog=_BACKLOG
        )

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    def datagram_received(self, data: bytes, addr: object) -> None:
        self._sink(data)


class DatagramDoor:
    """Lines over UDP."""

    def __init__(self, sink: Sink, port: int | None = None) -> None:
        self.port = free_port() if port is None else port
        self._sink = sink
        self._transport: asyncio.DatagramTransport | None = None

    async def open(self) -> None:
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(
            lambda: _Datagrams(self._sink), local_addr=(HOST, self.port)
        )

    async def close(self) -> None:
        if self._transport is not None:
            self._transport.close()
            self._transport = None


class HttpDoor:
    """Lines posted over HTTPS to `SINK_PATH`; answers 202."""

    def __init__(self, sink: Sink, context: ssl.SSLContext) -> None:
        self.port = free_port()
        self._context = context
        app = web.Application(client_max_size=_MAX_BODY)
        app.router.add_post(SINK_PATH, self._post)
        self._runner = web.AppRunner(app, access_log=None)
        self._sink = sink
        self._site: web.TCPSite | None = None

    async def open(self) -> None:
        if self._runner.server is None:
            await self._runner.setup()
        self._site = web.TCPSite(
            self._runner, HOST, self.port, ssl_context=self._context, backlog=_BACKLOG
        )
        await self._site.start()

    async def close(self) -> None:
        if self._site is not None:
            await self._site.stop()
            self._site = None

    async def _post(self, request: web.Request) -> web.Response:
        self._sink(await request.read())
        return web.Response(status=202)


def doors(sink: Sink, context: ssl.SSLContext) -> dict[Protocol, Door]:
    """A closed door for each protocol, all of which lead to `sink`."""
    return {
        Protocol.TCP: StreamDoor(lambda: _Lines(sink), None),
        Protocol.TLS: StreamDoor(lambda: _Lines(sink), context),
        Protocol.UDP: DatagramDoor(sink),
        Protocol.PICKLE: StreamDoor(lambda: _Pickles(sink), None),
        Protocol.PICKLE_TLS: StreamDoor(lambda: _Pickles(sink), context),
        Protocol.HTTPS: HttpDoor(sink, context),
    }


def plain_doors(tcp: Sink, udp: Sink, port: int) -> list[Door]:
    """Closed doors for lines at one port, by TCP and by UDP."""
    return [StreamDoor(lambda: _Lines(tcp), None, port), DatagramDoor(udp, port)]
