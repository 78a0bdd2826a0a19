"""A relay whose open connections can die without a word, as those do that a firewall forgot."""

from __future__ import annotations

import asyncio
import contextlib


class MuteRelay:
    """`async with` it: `port` leads to the port `to` on this machine."""

    def __init__(self, to: int) -> None:
        self.port = 0
        self._to = to
        self._server: asyncio.Server | None = None
        self._speaks = asyncio.Event()
        self._inside: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> MuteRelay:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        self._speaks.set()
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in tuple(self._inside):
            task.cancel()
        await asyncio.gather(*self._inside, return_exceptions=True)

    def forget(self) -> None:
        """Nothing passes any more on the connections that are open now; nor does their end. New ones
        are as good as ever."""
        self._speaks.clear()
        self._speaks = asyncio.Event()
        self._speaks.set()

    async def _serve(self, near: asyncio.StreamReader, near_out: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._inside.add(task)
        far_out = None
        try:
            far, far_out = await asyncio.open_connection("127.0.0.1", self._to)
            speaks = self._speaks
            ways = (self._pass(near, far_out, speaks), self._pass(far, near_out, speaks))
            await asyncio.gather(*ways)
        except asyncio.CancelledError:
            pass  # left
        finally:
            self._inside.discard(task)
            for writer in filter(None, (near_out, far_out)):
                writer.transport.abort()

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, speaks: asyncio.Event
    ) -> None:
        with contextlib.suppress(ConnectionError):
            while heard := await reader.read(65_536):
                await speaks.wait()
                writer.write(heard)
                await writer.drain()
        await speaks.wait()
        with contextlib.suppress(OSError):
            writer.write_eof()
