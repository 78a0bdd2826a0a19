"""The listener of the public page, which anybody may reach: bounded in connections and in patience.

Whoever is slow, in asking, in taking an answer or in going, is cut off. Of too many connections the one
that has been without a request for longest is: whoever holds connections open cuts off their own, and
those who read are let in.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from typing import Final, NamedTuple

from coalmine_aggregator.status_page.connection import Answering, Connection

HANDSHAKE_S: Final = 10.0
STOP_S: Final = 2.0
"""Answers that are on their way have this long to arrive at a stop."""

BACKLOG: Final = 4_096
_SWEEP_S: Final = 0.5


class Patience(NamedTuple):
    """There are `most` connections. Each has `idle_s` seconds for a request, dripped or not, `send_s`
    to take an answer, and `linger_s` to go once it was refused."""

    most: int = 4_000
    idle_s: float = 10.0
    send_s: float = 20.0
    linger_s: float = 1.0


USUAL: Final = Patience()


@contextlib.asynccontextmanager
async def listening(
    answering: Answering,
    host: str | None,
    port: int,
    context: ssl.SSLContext | None = None,
    patience: Patience = USUAL,
) -> AsyncIterator[int]:
    """Listens, and gives the port. Raises OSError."""
    crowd = _Crowd(answering, patience)
    over_tls = context is not None
    server = await asyncio.get_running_loop().create_server(
        crowd.connection,
        host,
        port,
        ssl=context,
        ssl_handshake_timeout=HANDSHAKE_S if over_tls else None,
        ssl_shutdown_timeout=patience.linger_s if over_tls else None,
        backlog=BACKLOG,
    )
    sweeping = asyncio.create_task(crowd.sweep(), name="sweep")
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await crowd.dissolve()
        sweeping.cancel()
        await asyncio.wait([sweeping])


class _Crowd:
    """All connections, the one that has been without a request for longest first, and since when."""

    def __init__(self, answering: Answering, patience: Patience) -> None:
        self._answering = answering
        self._patience = patience
        self._loop = asyncio.get_running_loop()
        self._since: dict[Connection, float] = {}
        self._stuck: dict[Connection, float] = {}
        self._gone: asyncio.Event | None = None

    def connection(self) -> Connection:
        return Connection(self._answering, self._admit, self._asked, self._forget)

    def _admit(self, connection: Connection) -> None:
        self._since[connection] = self._loop.time()
        if len(self._since) > self._patience.most:
            oldest = next(iter(self._since))
            self._forget(oldest)
            oldest.abort()

    def _asked(self, connection: Connection) -> None:
        if self._since.pop(connection, None) is not None:
            self._since[connection] = self._loop.time()

    def _forget(self, connection: Connection) -> None:
        self._since.pop(connection, None)
        self._stuck.pop(connection, None)
        if self._gone is not None and not self._since:
            self._gone.set()

    async def sweep(self) -> None:
        """Cuts off those who are too slow."""
        while True:
            await asyncio.sleep(_SWEEP_S)
            now = self._loop.time()
            stuck = {}
            for connection, since in list(self._since.items()):
                if connection.unsent:
                    stuck[connection] = self._stuck.get(connection, now)
                    if now - stuck[connection] >= self._patience.send_s:
                        connection.abort()
                elif now - since >= self._waits_s(connection):
                    connection.abort()
            self._stuck = stuck

    def _waits_s(self, connection: Connection) -> float:
        return self._patience.linger_s if connection.is_over else self._patience.idle_s

    async def dissolve(self) -> None:
        """Ends all of them, those last that still take an answer."""
        for connection in list(self._since):
            connection.close()
        if self._since:
            self._gone = asyncio.Event()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(STOP_S):
                    await self._gone.wait()
        for connection in list(self._since):
            connection.abort()
