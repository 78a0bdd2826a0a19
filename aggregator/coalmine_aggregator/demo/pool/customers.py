"""Customers who deliver through the balancer, never twice, and the store where it has to end."""

from __future__ import annotations

import asyncio
import socket

from coalmine_aggregator.demo.pool.ledger import Deliveries, Ledger
from coalmine_aggregator.demo.ports import HOST
from coalmine_runtime import clock
from coalmine_wire.plaintext import LineFramer

PER_S = 40
"""Datapoints a second: half by TCP, each on a connection of its own, half by UDP."""

KEPT_S = 3.0
"""Within this a datapoint that was taken is kept."""

_LOOK_S = 0.2
_PATIENCE_S = 5.0
_NAME = b"customer."


class Customers:
    """`run` sends to the balancer at `port` until cancelled; `open` the store before."""

    def __init__(self, port: int) -> None:
        self.ledger = Ledger()
        self.store_port = 0
        self._port = port
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._udp.setblocking(False)
        self._sending: set[asyncio.Task[None]] = set()
        self._store: asyncio.Server | None = None

    async def open(self) -> None:
        """Opens the store at `store_port`."""
        loop = asyncio.get_running_loop()
        self._store = await loop.create_server(lambda: _Kept(self.ledger), HOST, 0)
        self.store_port = self._store.sockets[0].getsockname()[1]

    def close(self) -> None:
        """Closes the store."""
        self._udp.close()
        if self._store is not None:
            self._store.close()

    async def run(self) -> None:
        """Sends."""
        while True:
            task = asyncio.create_task(self._send_tcp())
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)
            self._send_udp()
            await asyncio.sleep(2 / PER_S)

    async def settled(self, since: float, until: float) -> Deliveries:
        """What became of those begun between these times, once it is certain."""
        for _ in range(round(KEPT_S / _LOOK_S)):
            if not self.ledger.between(since, until).lost:
                break
            await asyncio.sleep(_LOOK_S)
        return self.ledger.between(since, until)

    async def _send_tcp(self) -> None:
        line = self._next()
        try:
            async with asyncio.timeout(_PATIENCE_S):
                _, writer = await asyncio.open_connection(HOST, self._port)
                writer.write(line)
                writer.close()
                await writer.wait_closed()
        except OSError:
            pass  # it never arrives at the store, which tells

    def _send_udp(self) -> None:
        try:
            self._udp.sendto(self._next(), (HOST, self._port))
        except OSError:
            pass

    def _next(self) -> bytes:
        now = clock.wall()
        return b"%b%d 1 %d\n" % (_NAME, self.ledger.begin(now), int(now))


class _Kept(asyncio.Protocol):
    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._framer = LineFramer()

    def data_received(self, data: bytes) -> None:
        for line in self._framer.feed(data).splitlines():
            name = line.partition(b" ")[0].removeprefix(_NAME)
            if name.isdigit():
                self._ledger.keep(int(name))
