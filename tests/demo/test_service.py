"""The service under test: real sockets of all six protocols, what it relays, loses and refuses."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Awaitable
from pathlib import Path

import aiohttp
import pytest

from coalmine_aggregator.demo import children
from coalmine_aggregator.demo.certificates import SERVER_NAME, Certificates, make_certificates
from coalmine_aggregator.demo.children import Child
from coalmine_aggregator.demo.intake import SINK_PATH
from coalmine_aggregator.demo.run import SERVICE_ARGV
from coalmine_wire.pickle_codec import encode_point
from coalmine_wire.plaintext import encode_line
from coalmine_wire.protocols import Protocol
from tests.servers.waiting import within

HOST = "127.0.0.1"
SLOT = 1_800_000_000
WAIT_S = 10


def name_of(protocol: Protocol, region: str = "dc1") -> bytes:
    return f"canary.ingest.internal.{region}.dc1-a.canary-dc1-a.{protocol}".encode()


class Target:
    """What the service relays to: gathers lines."""

    def __init__(self) -> None:
        self.lines: asyncio.Queue[bytes] = asyncio.Queue()
        self.connections: asyncio.Queue[asyncio.StreamWriter] = asyncio.Queue()
        self.port = 0
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._serve, HOST, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    def close(self) -> None:
        assert self._server is not None
        self._server.close()
        while not self.connections.empty():
            self.connections.get_nowait().transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections.put_nowait(writer)
        while line := await reader.readline():
            self.lines.put_nowait(line)
        writer.close()

    async def next(self) -> bytes:
        return await within(self.lines.get(), WAIT_S)


class Service:
    """The process, spoken to as the demo does."""

    def __init__(self, child: Child, certificates: Certificates) -> None:
        self.child = child
        self.ports: dict[Protocol, int] = {}
        self._context = ssl.create_default_context(cafile=certificates.ca)

    async def heard(self) -> dict[str, object]:
        assert self.child.process.stdout is not None
        line = await within(self.child.process.stdout.readline(), WAIT_S)
        if not line:
            await self.child.ended
            pytest.fail(self.child.epitaph())
        answer: dict[str, object] = json.loads(line)
        return answer

    async def set_faults(self, text: str) -> dict[str, object]:
        assert self.child.process.stdin is not None
        self.child.process.stdin.write(f"{text}\n".encode())
        return await self.heard()

    async def send(self, protocol: Protocol, *, region: str = "dc1", slot: int = SLOT) -> None:
        """One datapoint, as an agent sends it; raises ConnectionRefusedError."""
        name = name_of(protocol, region)
        line = encode_line(name, slot)
        if protocol is Protocol.UDP:
            await self._datagram(line)
        elif protocol is Protocol.HTTPS:
            await self._post(line)
        else:
            data = encode_point(name, slot) if protocol.pickled else line
            await self._stream(protocol, data)

    async def _stream(self, protocol: Protocol, data: bytes) -> None:
        tls = {"ssl": self._context, "server_hostname": SERVER_NAME} if protocol.over_tls else {}
        _, writer = await asyncio.open_connection(HOST, self.ports[protocol], **tls)  # type: ignore[arg-type]
        writer.write(data)
        writer.close()
        await writer.wait_closed()

    async def _datagram(self, data: bytes) -> None:
        loop = asyncio.get_running_loop()
        refused = asyncio.Event()

        class Sender(asyncio.DatagramProtocol):
            def error_received(self, exc: Exception) -> None:
                refused.set()

        transport, _ = await loop.create_datagram_endpoint(
            Sender, remote_addr=(HOST, self.ports[Protocol.UDP])
        )
        try:
            transport.sendto(data)
            # On loopback the kernel's refusal is there before the call returns.
            transport.sendto(b"")
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        finally:
            transport.close()
        if refused.is_set():
            raise ConnectionRefusedError("udp")

    async def _post(self, data: bytes) -> None:
        url = f"https://{HOST}:{self.ports[Protocol.HTTPS]}{SINK_PATH}"
        connector = aiohttp.TCPConnector(ssl=self._context)
        async with aiohttp.ClientSession(connector=connector) as session:
            try:
                async with session.post(url, data=data, server_hostname=SERVER_NAME) as response:
                    assert response.status == 202
            except aiohttp.ClientConnectorError as error:
                raise ConnectionRefusedError(str(error)) from None


@pytest.fixture
async def target() -> AsyncIterator[Target]:
    target = Target()
    await target.open()
    yield target
    target.close()


@pytest.fixture
async def service(target: Target, tmp_path: Path) -> AsyncIterator[Service]:
    certificates = make_certificates(tmp_path)
    argv = (
        *SERVICE_ARGV,
        str(certificates.certificate),
        str(certificates.key),
        f"{HOST}:{target.port}",
    )
    child = await children.start("service", argv, tmp_path, piped=True)
    service = Service(child, certificates)
    try:
        answer = await service.heard()
        ports = answer["ports"]
        assert isinstance(ports, dict)
        service.ports = {Protocol(name): port for name, port in ports.items()}
        yield service
    finally:
        await children.stop([[child]])


async def refuses(attempt: Awaitable[None]) -> bool:
    try:
        await attempt
    except ConnectionRefusedError:
        return True
    return False


@pytest.mark.parametrize("protocol", Protocol)
async def test_relays_each_protocol(service: Service, target: Target, protocol: Protocol) -> None:
    await service.send(protocol)
    assert await target.next() == encode_line(name_of(protocol), SLOT)


async def test_loses_without_a_word_what_a_fault_names_and_nothing_else(
    service: Service, target: Target
) -> None:
    assert await service.set_faults("udp https") == {
        "faults": ["protocol=udp:100%", "protocol=https:100%"]
    }
    await service.send(Protocol.UDP)
    await service.send(Protocol.HTTPS)
    await service.send(Protocol.TCP)
    assert await target.next() == encode_line(name_of(Protocol.TCP), SLOT)
    assert await service.set_faults("") == {"faults": []}
    await service.send(Protocol.UDP)
    assert await target.next() == encode_line(name_of(Protocol.UDP), SLOT)
    assert target.lines.empty()


async def test_loses_half(service: Service, target: Target) -> None:
    await service.set_faults("region=eu-west-1:50%")
    for slot in range(SLOT, SLOT + 100):
        await service.send(Protocol.TCP, region="eu-west-1", slot=slot)
    await service.send(Protocol.TCP)  # the mark
    arrived = 0
    while await target.next() != encode_line(name_of(Protocol.TCP), SLOT):
        arrived += 1
    assert 25 <= arrived <= 75


@pytest.mark.parametrize("protocol", Protocol)
async def test_refuses_one_protocol_at_the_same_port_and_takes_it_again(
    service: Service, target: Target, protocol: Protocol
) -> None:
    await service.set_faults(f"{protocol}:refuse")
    for other in Protocol:
        assert await refuses(service.send(other)) == (other is protocol)
    others = {encode_line(name_of(other), SLOT) for other in Protocol if other is not protocol}
    assert {await target.next() for _ in others} == others
    await service.set_faults("")
    await service.send(protocol)
    assert await target.next() == encode_line(name_of(protocol), SLOT)


async def test_a_fault_that_cannot_be_is_answered_and_changes_nothing(
    service: Service, target: Target
) -> None:
    await service.set_faults("udp")
    answer = await service.set_faults("udp mars")
    assert answer == {"error": "the demo has no protocol 'mars'"} or "mars" in str(answer["error"])
    await service.send(Protocol.UDP)
    await service.send(Protocol.TCP)
    assert await target.next() == encode_line(name_of(Protocol.TCP), SLOT)


async def test_relays_canaries_alone_and_survives_any_bytes(service: Service, target: Target) -> None:
    junk = (b"\x00" * 5000, b"\x80\x02cos\nsystem\n", b"some.metric 1 1800000000\n", b"canary 1\n")
    for protocol in (Protocol.TCP, Protocol.PICKLE, Protocol.TLS, Protocol.PICKLE_TLS):
        for data in junk:
            await service._stream(protocol, data)
    for protocol in Protocol:
        await service.send(protocol)
    expected = {encode_line(name_of(protocol), SLOT) for protocol in Protocol}
    assert {await target.next() for _ in expected} == expected
    assert target.lines.empty()


async def test_relays_again_after_the_aggregator_was_away(service: Service, target: Target) -> None:
    await service.send(Protocol.TCP)
    await target.next()
    target.close()
    await target.open()
    await within(target.connections.get(), WAIT_S)
    await service.send(Protocol.TCP, slot=SLOT + 1)
    assert await target.next() == encode_line(name_of(Protocol.TCP), SLOT + 1)


async def test_ends_with_its_standard_input(service: Service) -> None:
    assert service.child.process.stdin is not None
    service.child.process.stdin.close()
    await within(service.child.process.wait(), WAIT_S)
    assert service.child.process.returncode == 0
