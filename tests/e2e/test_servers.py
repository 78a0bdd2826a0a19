"""The servers that the proofs stand on, each proved to be what the proofs take it for.

The delays asserted here are what configs/ and the README promise an adopter.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aiomqtt
import pytest

from coalmine_runtime import clock
from tests.conftest import Authority, Certificate
from tests.servers.carbon import CarbonCache, CarbonRelay
from tests.servers.carbon_c_relay import CarbonCRelay
from tests.servers.haproxy import HAProxy
from tests.servers.mosquitto import Mosquitto
from tests.servers.namespace import Link, Namespace
from tests.servers.sink import Sink
from tests.servers.waiting import until


@pytest.fixture
async def aggregator() -> AsyncIterator[Sink]:
    async with Sink() as sink:
        yield sink


@pytest.fixture
async def store() -> AsyncIterator[Sink]:
    async with Sink() as sink:
        yield sink


def stamped(number: int) -> bytes:
    """A canary's line whose host tells when it left, in microseconds."""
    now = clock.wall()
    name = f"canary.ingest.external.eu.a.{int(now * 1e6)}-{number}.tcp"
    return f"{name} 1 {int(now)}\n".encode()


def delays(sink: Sink) -> list[float]:
    """Seconds from leaving to arrival, sorted."""
    found = sink.arrivals(rb"canary\.ingest\.external\.eu\.a\.(\d+)-\d+\.tcp")
    return sorted(at - int(left) / 1e6 for at, left in found)


async def send_tcp(host: str, port: int, data: bytes, tls: ssl.SSLContext | None = None) -> None:
    _, writer = await asyncio.open_connection(host, port, ssl=tls)
    writer.write(data)
    await writer.drain()
    writer.close()
    try:
        await writer.wait_closed()
    except (ConnectionError, ssl.SSLError):
        pass


def send_udp(host: str, port: int, data: bytes) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setblocking(False)
        sock.sendto(data, (host, port))


def pickled(line: bytes) -> bytes:
    """A frame with one datapoint, protocol 2, written by hand."""
    name, _, timestamp = line.split()
    body = b"".join(
        (
            b"\x80\x02]",
            b"X" + struct.pack("<I", len(name)) + name,
            b"J" + struct.pack("<i", int(timestamp)),
            b"K\x01\x86\x86a.",
        )
    )
    return struct.pack(">I", len(body)) + body


async def test_carbon_c_relay_hands_the_canaries_on_within_a_second_and_a_half(
    tmp_path: Path, aggregator: Sink, store: Sink
) -> None:
    relay = CarbonCRelay(tmp_path, aggregator=aggregator.address, store=store.address)
    await relay.start()
    try:
        await send_tcp(relay.host, relay.port, b"customer.cpu 0.5 1700000000\n")
        await send_tcp(relay.host, relay.port, b"KEY." + stamped(0))
        await store.until(rb"customer\.cpu 0\.5 1700000000\n")
        await store.until(rb"KEY\.canary\.\S+ 1 \d+\n")
        await aggregator.until(rb"KEY\.canary\.\S+ 1 \d+\n")
        for number in range(1, 21):
            await send_tcp(relay.host, relay.port, stamped(number))
            send_udp(relay.host, relay.port, stamped(100 + number))
            await asyncio.sleep(0.037)  # spread like a fleet, not in step with the relay's own clock
        await aggregator.until(rb"canary\.\S+ 1 \d+\n", count=41)
        assert delays(aggregator)[-1] < 1.5
        assert b"customer" not in aggregator.content
    finally:
        await relay.stop()


async def test_carbons_own_relay_takes_pickles_and_sends_them_on_at_once(
    tmp_path: Path, aggregator: Sink
) -> None:
    cache = CarbonCache(tmp_path / "cache")
    await cache.start()
    store = f"{cache.host}:{cache.pickle_port}"
    relay = CarbonRelay(tmp_path / "relay", aggregator=aggregator.address, store=store)
    try:
        await relay.start()
        lines = [stamped(number) for number in range(20)]
        for line in lines:
            await send_tcp(relay.host, relay.pickle_port, pickled(line))
        await send_tcp(relay.host, relay.pickle_port, pickled(b"customer.cpu 1 1700000000"))
        await aggregator.until(rb"canary\.ingest\.external\.eu\.a\.\d+-\d+\.tcp", count=20)
        assert delays(aggregator)[-1] < 1.0
        assert b"customer" not in aggregator.content

        async def written() -> bool:
            return cache.file_of(lines[0].split()[0].decode()).exists()

        await until(written, deadline_s=10, what="the cache stores it too", explain=cache.tail)
    finally:
        if relay.running:
            await relay.stop()
        await cache.stop()


async def test_haproxy_ends_tls_with_a_certificate_that_verifies(
    tmp_path: Path, aggregator: Sink, authority: Authority, loopback: Certificate
) -> None:
    proxy = HAProxy(tmp_path, certificate=loopback.both, backends={"tls": aggregator.address})
    await proxy.start()
    try:
        for number in range(20):
            await send_tcp(
                proxy.host, proxy.ports["tls"], stamped(number), tls=authority.client_context()
            )
        await aggregator.until(rb"canary\.\S+ 1 \d+\n", count=20)
        assert delays(aggregator)[-1] < 1.0
        with pytest.raises(ssl.SSLCertVerificationError):
            await send_tcp(proxy.host, proxy.ports["tls"], b"x", tls=ssl.create_default_context())
    finally:
        await proxy.stop()


async def test_mosquitto_wants_tls_and_a_password_and_forgets_over_kill_9(
    tmp_path: Path, authority: Authority, loopback: Certificate
) -> None:
    broker = Mosquitto(tmp_path, passwords={"agent": "secret"}, certificate=loopback)
    await broker.start()

    def client(password: str) -> aiomqtt.Client:
        return aiomqtt.Client(
            broker.host,
            broker.port,
            username="agent",
            password=password,
            tls_context=authority.client_context(),
        )

    try:
        with pytest.raises(aiomqtt.MqttError, match=r"(?i)not authori"):
            async with client("wrong"):
                pass
        async with client("secret") as ours:
            await ours.publish("coalmine/v1/main/agent/a/birth", b"hello", qos=1, retain=True)
            await ours.subscribe("coalmine/#")
            message = await anext(ours.messages)
            assert message.payload == b"hello"
        await broker.kill()
        await broker.start()
        async with client("secret") as ours:
            await ours.subscribe("coalmine/#")
            await ours.publish("coalmine/end", b"end", qos=1)
            message = await anext(ours.messages)
            assert message.payload == b"end"
    finally:
        await broker.stop()


async def test_a_link_delays_what_goes_there_and_not_what_comes_back() -> None:
    async with Namespace() as namespace, Link(namespace, 1) as link:
        code = (
            "import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); "
            "s.bind(('0.0.0.0', 9)); print('ready', flush=True)\n"
            "while True: s.sendto(*s.recvfrom(2048))"
        )
        echo = await asyncio.create_subprocess_exec(
            *namespace.command([sys.executable, "-c", code]), stdout=asyncio.subprocess.PIPE
        )
        assert echo.stdout is not None
        try:
            assert await echo.stdout.readline() == b"ready\n"
            quick = await _round_trip(link.there)
            await link.delay(1200)
            slow = await _round_trip(link.there)
            await link.delay(0)
            again = await _round_trip(link.there)
        finally:
            echo.kill()
            await echo.wait()
            echo._transport.close()  # type: ignore[attr-defined]
    assert quick < 0.4
    assert 1.2 <= slow < 1.6
    assert again < 0.4


async def _round_trip(host: str) -> float:
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setblocking(False)
        await loop.sock_connect(sock, (host, 9))
        start = clock.monotonic()
        await loop.sock_sendall(sock, b"echo")
        async with asyncio.timeout(5):
            assert await loop.sock_recv(sock, 64) == b"echo"
        return clock.monotonic() - start
