"""The doors of the service under test: one listener a protocol, to be closed and reopened.

Whatever comes in is handed on as blocks of plaintext lines. The aggregator's receivers do not do here:
they count in columns, while a service that loses single datapoints has to look at each of them.
"""

from __future__ import annotations

import asyncio
import ssl
import struct
from collections.abc import Callable
from typing import Protocol as Interface

from aiohttp import web

from coalmine_wire.plaintext import LineFramer
from coalmine_wire.protocols import Protocol

HOST = "127.0.0.1"
SINK_PATH = "/api/v1/sink"
"""Where datapoints are posted by HTTPS."""

_BACKLOG = 512
_MAX_FRAME = 64 << 10  # bytes of a pickle
_LENGTH = struct.Struct(">I")

Sink = Callable[[bytes], None]
Unpickle = Callable[[bytes], bytes]
"""Turns a pickle into lines; raises ValueError."""


class Door(Interface):
    """Opens at `port`, which the kernel chooses the first time and which stays."""

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
    def __init__(self, sink: Sink, unpickle: Unpickle) -> None:
        self._sink = sink
        self._unpickle = unpickle
        self._buffer = bytearray()
        self._transport: asyncio.BaseTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer
        buffer += data
        while len(buffer) >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(buffer)
            end = _LENGTH.size + length
            if length <= _MAX_FRAME and len(buffer) < end:
                return
            try:
                if length > _MAX_FRAME:
                    raise ValueError(f"{length} bytes")
                self._sink(self._unpickle(bytes(buffer[_LENGTH.size : end])))
            except ValueError:
                assert self._transport is not None
                self._transport.close()
                return
            del buffer[:end]


class StreamDoor:
    """Lines or pickles over TCP, with or without TLS."""

    def __init__(self, factory: Callable[[], asyncio.Protocol], context: ssl.SSLContext | None) -> None:
        self.port = 0
        self._factory = factory
        self._context = context
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            self._factory, HOST, self.port, ssl=self._context, backlog=_BACKLOG
        )
        self.port = self._server.sockets[0].getsockname()[1]

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

    def __init__(self, sink: Sink) -> None:
        self.port = 0
        self._sink = sink
        self._transport: asyncio.DatagramTransport | None = None

    async def open(self) -> None:
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(
            lambda: _Datagrams(self._sink), local_addr=(HOST, self.port)
        )
        self.port = self._transport.get_extra_info("sockname")[1]

    async def close(self) -> None:
        if self._transport is not None:
            self._transport.close()
            self._transport = None


class HttpDoor:
    """Lines posted over HTTPS to `SINK_PATH`; answers 202."""

    def __init__(self, sink: Sink, context: ssl.SSLContext) -> None:
        self.port = 0
        self._context = context
        app = web.Application(client_max_size=_MAX_FRAME)
        app.router.add_post(SINK_PATH, self._post)
        self._runner = web.AppRunner(app, access_log=None)
        self._sink = sink
        self._site: web.TCPSite | None = None

    async def open(self) -> None:
        if not self._runner.addresses and self._runner.server is None:
            await self._runner.setup()
        self._site = web.TCPSite(
            self._runner, HOST, self.port, ssl_context=self._context, backlog=_BACKLOG
        )
        await self._site.start()
        self.port = self._runner.addresses[0][1]

    async def close(self) -> None:
        if self._site is not None:
            await self._site.stop()
            self._site = None

    async def _post(self, request: web.Request) -> web.Response:
        self._sink(await request.read())
        return web.Response(status=202)


def doors(sink: Sink, context: ssl.SSLContext, unpickle: Unpickle) -> dict[Protocol, Door]:
    """A closed door for each protocol, all of which lead to `sink`."""
    return {
        Protocol.TCP: StreamDoor(lambda: _Lines(sink), None),
        Protocol.TLS: StreamDoor(lambda: _Lines(sink), context),
        Protocol.UDP: DatagramDoor(sink),
        Protocol.PICKLE: StreamDoor(lambda: _Pickles(sink, unpickle), None),
        Protocol.PICKLE_TLS: StreamDoor(lambda: _Pickles(sink, unpickle), context),
        Protocol.HTTPS: HttpDoor(sink, context),
    }
