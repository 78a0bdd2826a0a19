"""Passes lines on from the service under test to the aggregator, over one connection."""

from __future__ import annotations

import asyncio

from coalmine_runtime.logs import get_logger

_log = get_logger("demo.relay")

_MAX_PENDING = 1 << 20  # bytes that wait for a connection; past that, lines are dropped and counted
_RETRY_S = 0.2


class Relay:
    """`put` never waits; `run` holds the connection, made anew whenever it breaks."""

    def __init__(self, host: str, port: int) -> None:
        self.dropped = 0
        self._host = host
        self._port = port
        self._pending = bytearray()
        self._wake = asyncio.Event()

    def put(self, lines: bytes) -> None:
        """Passes whole lines on, or drops them when too many wait."""
        if len(self._pending) + len(lines) > _MAX_PENDING:
            if self.dropped == 0:
                _log.warning("demo.relay.full", pending=len(self._pending))
            self.dropped += lines.count(b"\n")
            return
        self._pending += lines
        self._wake.set()

    async def run(self) -> None:
        """Relays until cancelled."""
        while True:
            try:
                reader, writer = await asyncio.open_connection(self._host, self._port)
            except OSError as error:
                _log.warning("demo.relay.unreachable", error=error)
                await asyncio.sleep(_RETRY_S)
                continue
            ended = asyncio.ensure_future(reader.read())
            try:
                await self._pump(writer, ended)
            except OSError as error:
                _log.warning("demo.relay.broken", error=error)
            finally:
                ended.cancel()
                writer.transport.abort()

    async def _pump(self, writer: asyncio.StreamWriter, ended: asyncio.Future[bytes]) -> None:
        while True:
            woken = asyncio.ensure_future(self._wake.wait())
            try:
                await asyncio.wait((woken, ended), return_when=asyncio.FIRST_COMPLETED)
            finally:
                woken.cancel()
            if ended.done():
                raise ConnectionResetError("the aggregator closed the connection")
            self._wake.clear()
            block, self._pending = bytes(self._pending), bytearray()
            writer.write(block)
            await writer.drain()
