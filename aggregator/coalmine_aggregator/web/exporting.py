"""Exports on their way: pieces are made as fast as they are read, and no faster.

No more than one piece of an export is in memory. A reader that takes nothing for `WRITE_S` is cut off,
and one export takes no longer than `EXPORT_S`; only so many run at a time.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Final

from aiohttp import web

from coalmine_aggregator.web.problems import ProblemError
from coalmine_runtime.logs import get_logger

log = get_logger("web")

MAX_EXPORTS: Final = 4
WRITE_S: Final = 30.0
EXPORT_S: Final = 3600.0

_CHUNK: Final = 64 << 10


class Exports:
    """Those that are under way."""

    def __init__(self, write_s: float = WRITE_S, most: int = MAX_EXPORTS) -> None:
        self._write_s = write_s
        self._most = most
        self.running = 0
        self.cut_off = 0

    async def stream(
        self, request: web.Request, pieces: AsyncIterator[bytes], content_type: str, name: str
    ) -> web.StreamResponse:
        """Answers with the pieces, as a file of this name. What goes wrong before the first piece is a
        problem; later the connection is cut, so that nobody takes a part for the whole."""
        if self.running >= self._most:
            raise ProblemError(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "exports-busy",
                f"{self._most} exports are running already.",
                hint="try again when one has ended",
                headers={"Retry-After": "30"},
            )
        self.running += 1
        try:
            first = await anext(pieces)
            response = web.StreamResponse(
                headers={
                    "Content-Type": content_type,
                    "Content-Disposition": f'attachment; filename="{name}"',
                    "Cache-Control": "no-store",
                }
            )
            response.enable_chunked_encoding()
            await response.prepare(request)
            try:
                async with asyncio.timeout(EXPORT_S):
                    await self._write(response, first)
                    async for piece in pieces:
                        await self._write(response, piece)
                    await response.write_eof()
            except Exception as error:
                self._cut(request, error)
            return response
        finally:
            self.running -= 1

    def _cut(self, request: web.Request, error: Exception) -> None:
        self.cut_off += 1
        log.warning("web.export.cut_off", path=request.path, error=str(error) or "too slow")
        if request.transport is not None:
            request.transport.abort()

    async def _write(self, response: web.StreamResponse, piece: bytes) -> None:
        for begin in range(0, len(piece), _CHUNK):
            async with asyncio.timeout(self._write_s):
                await response.write(piece[begin : begin + _CHUNK])
