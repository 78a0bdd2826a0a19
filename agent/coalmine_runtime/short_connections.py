"""A listener for connections that are soon over: so many at a time, and then the oldest gives way.

Who checks is quick; who holds on does not check, and must keep out nobody who does.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Sequence

from coalmine_runtime.logs import get_logger
from coalmine_runtime.quantities import Address, IPNetwork, lies_in

_log = get_logger("listener")

Serve = Callable[[str, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class ShortConnections:
    """`serve` gets the peer's address and both streams of a connection, which is closed when it
    returns; its OSError and TimeoutError are the other end's affair. No `allow_from`: everybody may
    connect. `name` is for the log."""

    def __init__(
        self, name: str, serve: Serve, *, most: int, allow_from: Sequence[IPNetwork] = ()
    ) -> None:
        self._name = name
        self._serve = serve
        self._most = most
        self._allow_from = tuple(allow_from)
        self._server: asyncio.Server | None = None
        self._open: dict[asyncio.Task[None], None] = {}
        self.refused = 0
        """Connections from elsewhere than `allow_from`."""
        self.gave_way = 0
        """Connections that were cut off for newer ones."""

    async def start(
        self,
        address: Address,
        *,
        limit: int,
        context: ssl.SSLContext | None = None,
        handshake_s: float | None = None,
    ) -> None:
        """`limit` is that of the readers, in bytes. Raises OSError where the address cannot be had."""
        self._server = await asyncio.start_server(
            self._accept,
            address.host or None,
            address.port,
            ssl=context,
            ssl_handshake_timeout=handshake_s,
            limit=limit,
            backlog=self._most,
        )

    @property
    def port(self) -> int:
        """The port it listens on."""
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        """Stops listening and drops whoever is connected; nothing before the start."""
        if self._server is None:
            return
        self._server.close()
        tasks = list(self._open)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._server.wait_closed()
        self._server = None

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        peer = writer.get_extra_info("peername")
        if task is None or peer is None:  # gone before it was here
            writer.close()
            return
        if self._allow_from and not lies_in(peer[0], self._allow_from):
            self.refused += 1
            self._tell("listener.refused", self.refused, peer[0])
            writer.close()
            return
        while len(self._open) >= self._most:
            oldest = next(iter(self._open))
            del self._open[oldest]
            oldest.cancel()
            self.gave_way += 1
            self._tell("listener.full", self.gave_way, peer[0])
        self._open[task] = None
        try:
            await self._serve(peer[0], reader, writer)
        except (OSError, TimeoutError):
            pass
        except asyncio.CancelledError:
            pass  # closing, or it gave way
        finally:
            self._open.pop(task, None)
            writer.close()

    def _tell(self, event: str, times: int, peer: str) -> None:
        if times & (times - 1) == 0:  # at powers of two, lest a log is flooded
            _log.warning(event, listener=self._name, address=peer, times=times)
