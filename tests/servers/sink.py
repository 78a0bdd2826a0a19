"""A server of ours that takes any bytes and remembers when they came."""

from __future__ import annotations

import asyncio
import re
from types import TracebackType

from coalmine_aggregator.demo.ports import free_port
from coalmine_runtime import clock


class Sink:
    """Listens on TCP `port`; `async with` it. It reads to the end and answers nothing."""

    def __init__(self, host: str = "127.0.0.1", port: int = 0) -> None:
        self.host = host
        self.port = port or free_port()
        self.connections = 0
        self._chunks: list[tuple[float, bytes]] = []
        self._arrival = asyncio.Event()
        self._server: asyncio.Server | None = None
        self._readers: set[asyncio.Task[None]] = set()

    @property
    def address(self) -> str:
        """host:port."""
        return f"{self.host}:{self.port}"

    @property
    def content(self) -> bytes:
        """Everything that came, in its order of arrival."""
        return b"".join(chunk for _, chunk in self._chunks)

    def arrivals(self, pattern: bytes) -> list[tuple[float, bytes]]:
        """Wall-clock time and text of each match, within single reads."""
        return [(at, m) for at, chunk in self._chunks for m in re.findall(pattern, chunk)]

    async def until(self, pattern: bytes, count: int = 1, deadline_s: float = 10.0) -> None:
        """Waits until so many matches have come; AssertionError after the deadline."""
        try:
            async with asyncio.timeout(deadline_s):
                while len(re.findall(pattern, self.content)) < count:
                    self._arrival.clear()
                    await self._arrival.wait()
        except TimeoutError:
            seen = len(re.findall(pattern, self.content))
            raise AssertionError(f"{seen} of {count} {pattern!r} within {deadline_s} s") from None

    async def __aenter__(self) -> Sink:
        self._server = await asyncio.start_server(self._take, self.host, self.port)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for reader in list(self._readers):
            reader.cancel()
        await asyncio.gather(*self._readers, return_exceptions=True)
        await self._server.wait_closed()

    def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # A plain function: start_server logs the cancelling of a coroutine's task as an error.
        task = asyncio.get_running_loop().create_task(self._read(reader, writer))
        self._readers.add(task)
        task.add_done_callback(self._readers.discard)

    async def _read(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while chunk := await reader.read(65536):
                self._chunks.append((clock.wall(), chunk))
                self._arrival.set()
        except ConnectionError:
            pass
        finally:
            writer.close()
