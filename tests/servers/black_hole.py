"""A server that takes connections and everything on them, and never says a word."""

from __future__ import annotations

import asyncio
import contextlib


class BlackHole:
    """Use as an async context manager. `entered` counts connections."""

    def __init__(self) -> None:
        self.port = 0
        self.entered = 0
        self._server: asyncio.Server | None = None
        self._inside: dict[asyncio.StreamWriter, asyncio.Event] = {}

    async def __aenter__(self) -> BlackHole:
        self._server = await asyncio.start_server(self._swallow, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for writer, left in list(self._inside.items()):
            writer.transport.abort()
            await left.wait()

    async def _swallow(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.entered += 1
        left = self._inside[writer] = asyncio.Event()
        with contextlib.suppress(OSError):
            while await reader.read(65_536):
                pass
        writer.transport.abort()
        del self._inside[writer]
        left.set()
