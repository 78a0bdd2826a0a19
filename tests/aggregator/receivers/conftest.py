"""A running aggregator's receivers on loopback, and clients that talk to them byte by byte."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest
import uvloop

from coalmine_aggregator.model.receipts import Receipts
from coalmine_aggregator.receivers.limits import ReceiverLimits
from coalmine_aggregator.receivers.reasons import Reason
from coalmine_aggregator.receivers.receivers import Listen, Receivers
from coalmine_aggregator.receivers.table import SeriesTable
from coalmine_runtime import clock
from coalmine_wire.protocols import Protocol
from tests.conftest import Authority

NAME = b"canary.ingest.external.eu-west-1.eu-west-1a.host1.tcp"
"""Series 7."""

NOW = 1763700000
"""What the receivers take the time to be."""

PATIENCE_S = 10.0

LoopFactory = Callable[[], asyncio.AbstractEventLoop]


def pytest_asyncio_loop_factories(item: pytest.Item) -> dict[str, LoopFactory]:
    """On uvloop, as the aggregator runs; what arrives in order also on asyncio's own loop."""
    loops: dict[str, LoopFactory] = {"uvloop": uvloop.new_event_loop}
    if item.path.stem == "test_arrival":
        loops["asyncio"] = asyncio.SelectorEventLoop
    return loops


class Site:
    """Receivers, and everything that they handed on."""

    def __init__(self, receivers: Receivers) -> None:
        self.receivers = receivers
        self.receipts: Counter[tuple[int, int, int]] = Counter()
        self.rejected: Counter[Reason] = Counter()
        self.failing = False

    def sink(self, receipts: Receipts) -> None:
        if self.failing:
            raise RuntimeError("the ledger is broken")
        for series, slot in zip(receipts.series.tolist(), receipts.slots.tolist(), strict=True):
            self.receipts[receipts.source, series, slot] += 1

    def rejects(self, source: int, reason: Reason, count: int) -> None:
        self.rejected[reason] += count

    def address(self, protocol: Protocol, family: str = "127.0.0.1") -> tuple[str, int]:
        """Where the first receiver of a protocol listens."""
        for receiver in self.receivers.each:
            if receiver.listen.protocol is protocol:
                return next(address for address in receiver.addresses if address[0] == family)
        raise LookupError(protocol)

    def connections(self, protocol: Protocol) -> int:
        return sum(each.connections for each in self.receivers.each if each.listen.protocol is protocol)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Drains until the condition holds; fails after `PATIENCE_S`."""
        deadline = clock.monotonic() + PATIENCE_S
        while not condition():
            await self.receivers.drain()
            if clock.monotonic() > deadline:
                raise AssertionError(f"not in time: {self.receipts} {self.rejected}")
            await asyncio.sleep(0.005)

    async def until_received(self, count: int, source: int = 0) -> None:
        """So many receipts, and no more, have come by a source."""
        await self.until(lambda: self.received(source) >= count)
        assert self.received(source) == count

    async def until_rejected(self, reason: Reason, count: int = 1) -> None:
        """So many, and no more, were refused for a reason."""
        await self.until(lambda: self.rejected[reason] >= count)
        assert self.rejected[reason] == count

    def received(self, source: int = 0) -> int:
        return sum(count for key, count in self.receipts.items() if key[0] == source)

    async def counts_one_by(self, protocol: Protocol, tls: ssl.SSLContext | None = None) -> None:
        """The receiver still does its work: one more clean datapoint by a connection of its own."""
        source = next(r.listen.source for r in self.receivers.each if r.listen.protocol is protocol)
        before = self.received(source)
        async with Client.to(self.address(protocol), tls) as client:
            await client.send(clean(protocol))
            await client.end()
            await self.until(lambda: self.received(source) == before + 1)


class Client:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    @asynccontextmanager
    async def to(
        cls, address: tuple[str, int], tls: ssl.SSLContext | None = None
    ) -> AsyncIterator[Client]:
        reader, writer = await asyncio.open_connection(*address, ssl=tls)
        try:
            yield cls(reader, writer)
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def send(self, data: bytes) -> None:
        if self.writer.is_closing():  # uvloop's transports raise RuntimeError then
            raise ConnectionResetError("the receiver closed the connection")
        self.writer.write(data)
        await self.writer.drain()

    async def end(self) -> None:
        """Our side ends, as far as TLS can do that."""
        if self.writer.can_write_eof():
            self.writer.write_eof()

    async def closed(self) -> bytes:
        """What the receiver sent before it closed the connection, or reset it."""
        answer = b""
        async with asyncio.timeout(PATIENCE_S):
            with contextlib.suppress(OSError):
                while chunk := await self.reader.read(65536):
                    answer += chunk
        return answer


def clean(protocol: Protocol, slot: int = NOW, name: bytes = NAME) -> bytes:
    """A clean datapoint as it travels by a protocol."""
    from coalmine_wire.pickle_codec import encode_point
    from coalmine_wire.plaintext import encode_line

    line = encode_line(name, slot)
    if protocol.pickled:
        return encode_point(name, slot)
    if protocol is Protocol.HTTPS:
        return request(line, b"Connection: close\r\n")
    return line


def request(
    body: bytes, headers: bytes = b"", target: bytes = b"/api/v1/sink", method: bytes = b"POST"
) -> bytes:
    """An HTTP request."""
    head = b"%b %b HTTP/1.1\r\nHost: sink\r\nContent-Length: %d\r\n%b\r\n"
    return head % (method, target, len(body), headers) + body


Open = Callable[..., AbstractAsyncContextManager[Site]]


@pytest.fixture
def site(authority: Authority) -> Open:
    """Opens receivers: `async with site(Protocol.TCP, ...) as s`."""

    @asynccontextmanager
    async def opened(
        *protocols: Protocol,
        host: str = "127.0.0.1",
        key: bytes = b"",
        allow_from: tuple[str, ...] = (),
        **limits: int | float,
    ) -> AsyncIterator[Site]:
        table = SeriesTable(b"secret")
        table.put(NAME, 7)
        listens = [
            Listen(
                protocol=protocol,
                host=host,
                port=0,
                source=source,
                key=key,
                allow_from=tuple(map(ipaddress.ip_network, allow_from)),
                tls=authority.server_context("127.0.0.1", "::1") if protocol.over_tls else None,
            )
            for source, protocol in enumerate(protocols)
        ]
        made: list[Site] = []
        receivers = Receivers(
            listens,
            table=table,
            sink=lambda receipts: made[0].sink(receipts),
            rejects=lambda *rejected: made[0].rejects(*rejected),
            limits=ReceiverLimits(**limits),  # type: ignore[arg-type]
            now=lambda: float(NOW),
        )
        made.append(Site(receivers))
        await receivers.start()
        try:
            yield made[0]
        finally:
            await receivers.stop()
            await asyncio.sleep(0)
            for protocol in protocols:
                assert made[0].connections(protocol) == 0

    return opened


@pytest.fixture
def trust(authority: Authority) -> ssl.SSLContext:
    """A client that verifies the receivers."""
    return authority.client_context()
