"""Any bytes, or none, to any receiver. Invariants: counted by reason, bounded, nobody else harmed."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import logging
import os
import pickle  # noqa: TID251  -- to make what attackers send
import random
import resource
import socket
import ssl
import struct
from typing import Any, cast

import pytest

from coalmine_aggregator.receivers.reasons import Reason
from coalmine_aggregator.receivers.streams import StreamListener
from coalmine_runtime import clock
from coalmine_wire.pickle_frames import MAX_FRAME, encode_frame
from coalmine_wire.plaintext import MAX_LINE
from coalmine_wire.protocols import Protocol
from tests.aggregator.receivers.conftest import Client, Open, clean, request

STREAMS = [protocol for protocol in Protocol if protocol is not Protocol.UDP]
TLS = [protocol for protocol in STREAMS if protocol.over_tls]


@pytest.mark.parametrize("protocol", STREAMS)
@pytest.mark.parametrize("seed", range(4))
async def test_noise_inside_the_protocol(
    site: Open, trust: ssl.SSLContext, protocol: Protocol, seed: int
) -> None:
    noise = random.Random(seed).randbytes(200_000)
    tls = trust if protocol.over_tls else None
    async with site(protocol) as s:
        async with Client.to(s.address(protocol), tls) as bystander:
            half = len(clean(protocol)) // 2
            await bystander.send(clean(protocol)[:half])
            async with Client.to(s.address(protocol), tls) as client:
                try:
                    await client.send(noise)
                    await client.end()
                    if protocol is not Protocol.TLS:  # asyncio cannot end its side of TLS
                        await client.closed()
                except ConnectionError:
                    pass
            await s.until(lambda: s.rejected.total() > 0)
            await bystander.send(clean(protocol)[half:])
            await s.until_received(1)
        await s.counts_one_by(protocol, tls)


@pytest.mark.parametrize("protocol", TLS)
@pytest.mark.parametrize(
    "opening",
    [
        b"canary.a 1 1763700000\n",
        b"GET / HTTP/1.0\r\n\r\n",
        b"\x16\x03\x01\xff\xff" + b"\x00" * 100,
        b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00",
        random.Random(1).randbytes(5000),
    ],
)
async def test_noise_instead_of_a_handshake(
    site: Open, trust: ssl.SSLContext, protocol: Protocol, opening: bytes
) -> None:
    async with site(protocol) as s:
        async with Client.to(s.address(protocol)) as client:
            await client.send(opening)
            await client.end()
            await client.closed()
        await s.until_rejected(Reason.TLS_FAILED)
        await s.counts_one_by(protocol, trust)


@pytest.mark.parametrize("protocol", TLS)
async def test_a_handshake_that_stops_half_way(
    site: Open, trust: ssl.SSLContext, protocol: Protocol
) -> None:
    async with site(protocol, handshake_s=0.5) as s:
        hello = ssl.MemoryBIO()
        half = trust.wrap_bio(ssl.MemoryBIO(), hello, server_hostname="127.0.0.1")
        with pytest.raises(ssl.SSLWantReadError):
            half.do_handshake()
        async with Client.to(s.address(protocol)) as client:
            await client.send(hello.read())
            await s.counts_one_by(protocol, trust)
            await client.closed()
        await s.until_rejected(Reason.IDLE)


async def test_datagrams_of_noise(site: Open) -> None:
    chance = random.Random(3)
    async with site(Protocol.UDP) as s:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            address = s.address(Protocol.UDP)
            for size in (0, 1, 1400, 65_507):
                sock.sendto(chance.randbytes(size), address)
                await s.receivers.drain()
            sock.sendto(b"\n" * 5000, address)
            sock.sendto(clean(Protocol.UDP), address)
            await s.until_received(1)
        assert s.rejected[Reason.MALFORMED] > 5000


async def test_a_line_that_never_ends(site: Open) -> None:
    async with site(Protocol.TCP) as s:
        receiver = s.receivers.each[0]
        async with Client.to(s.address(Protocol.TCP)) as client:
            for _ in range(50):
                await client.send(b"x" * 100_000)
            await s.until(lambda: s.connections(Protocol.TCP) == 1)
            (listener,) = receiver._listeners
            assert isinstance(listener, StreamListener)
            await s.until(lambda: listener.held == MAX_LINE + 1)
            await s.counts_one_by(Protocol.TCP)
            await client.send(b"\n" + clean(Protocol.TCP))
            await s.until_received(2)
        assert s.rejected == {Reason.TOO_LONG: 1}


@pytest.mark.parametrize("protocol", STREAMS)
async def test_an_end_in_the_middle(site: Open, trust: ssl.SSLContext, protocol: Protocol) -> None:
    tls = trust if protocol.over_tls else None
    async with site(protocol) as s:
        async with Client.to(s.address(protocol), tls) as client:
            await client.send(clean(protocol)[:-3])
        await s.until_rejected(Reason.TRUNCATED)
        assert s.received() == 0


async def test_a_reset_in_the_middle(site: Open) -> None:
    async with site(Protocol.TCP) as s:
        sock = socket.create_connection(s.address(Protocol.TCP))
        sock.send(clean(Protocol.TCP)[:-3])
        await s.until(lambda: s.connections(Protocol.TCP) == 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.close()
        await s.until_rejected(Reason.RESET)
        await s.counts_one_by(Protocol.TCP)


# Too many, too slow, from elsewhere.


@pytest.mark.parametrize("protocol", STREAMS)
async def test_who_drips_is_cut_off_and_who_delivers_is_not(
    site: Open, trust: ssl.SSLContext, protocol: Protocol
) -> None:
    tls = trust if protocol.over_tls else None
    keep_alive = request(clean(Protocol.TCP)) if protocol is Protocol.HTTPS else clean(protocol)
    async with site(protocol, idle_s=3.0) as s:  # longer than a busy machine stalls
        async with (
            Client.to(s.address(protocol), tls) as slow,
            Client.to(s.address(protocol), tls) as busy,
        ):

            async def drip() -> None:
                for byte in clean(protocol).ljust(4000, b"x"):
                    await slow.send(bytes([byte]))
                    await asyncio.sleep(0.2)  # no datapoint is whole before it is cut off

            dripping = asyncio.create_task(drip())
            deliveries = 0
            began = clock.monotonic()
            while not s.rejected[Reason.IDLE]:
                await busy.send(keep_alive)
                deliveries += 1
                await asyncio.sleep(0.1)
                assert clock.monotonic() - began < 30
            dripping.cancel()
            with pytest.raises((asyncio.CancelledError, ConnectionError)):
                await dripping
            await busy.send(keep_alive)
            await s.until(lambda: s.received() >= deliveries + 1)
        assert s.rejected[Reason.IDLE] == 1


async def test_too_many_connections_in_all(site: Open) -> None:
    async with site(Protocol.TCP, connections=3) as s:
        clients = [Client.to(s.address(Protocol.TCP)) for _ in range(3)]
        opened = [await client.__aenter__() for client in clients]
        for client in opened:
            await client.send(b"unfinished")
        await s.until(lambda: s.connections(Protocol.TCP) == 3)
        async with Client.to(s.address(Protocol.TCP)) as fourth:
            await fourth.send(b"canary")
            assert await fourth.closed() == b""
        await s.until_rejected(Reason.TOO_MANY_CONNECTIONS)
        await clients.pop().__aexit__(None, None, None)
        await s.until(lambda: s.connections(Protocol.TCP) == 2)
        await s.counts_one_by(Protocol.TCP)
        for manager in clients:
            await manager.__aexit__(None, None, None)


async def test_too_many_connections_from_one_address(site: Open) -> None:
    async with site(Protocol.TCP, connections_per_address=2) as s:
        address = s.address(Protocol.TCP)
        socks = [socket.create_connection(address) for _ in range(2)]
        for sock in socks:
            sock.send(b"unfinished")
        await s.until(lambda: s.connections(Protocol.TCP) == 2)
        async with Client.to(address) as third:
            await third.send(b"canary")
            assert await third.closed() == b""
        await s.until_rejected(Reason.TOO_MANY_FROM_ADDRESS)
        with socket.create_connection(address, source_address=("127.0.0.2", 0)) as elsewhere:
            elsewhere.send(clean(Protocol.TCP))
            await s.until_received(1)
        for sock in socks:
            sock.close()


@pytest.mark.parametrize("protocol", list(Protocol))
async def test_only_allowed_networks_get_in(
    site: Open, trust: ssl.SSLContext, protocol: Protocol
) -> None:
    tls = trust if protocol.over_tls else None
    async with site(protocol, allow_from=("127.0.0.1/32", "2001:db8::/32")) as s:
        address = s.address(protocol)
        if protocol is Protocol.UDP:
            for source in ("127.0.0.2", "127.0.0.1"):
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
                    sock.bind((source, 0))
                    sock.sendto(clean(protocol), address)
            await s.until_received(1)
        else:
            with socket.create_connection(address, source_address=("127.0.0.2", 0)) as sock:
                sock.send(clean(protocol))
                await s.until_rejected(Reason.NOT_ALLOWED)
            await s.counts_one_by(protocol, tls)
        await s.until_rejected(Reason.NOT_ALLOWED)


async def test_what_is_held_of_all_connections_together_is_bounded(site: Open) -> None:
    async with site(Protocol.PICKLE, held_bytes=3 * MAX_FRAME) as s:
        clients = [Client.to(s.address(Protocol.PICKLE)) for _ in range(6)]
        for manager in clients:
            client = await manager.__aenter__()
            client.writer.write(struct.pack(">I", MAX_FRAME) + bytes(MAX_FRAME - 1))
        await s.until(lambda: s.rejected[Reason.OUT_OF_ROOM] > 0)
        (listener,) = s.receivers.each[0]._listeners
        assert isinstance(listener, StreamListener)
        assert listener.held <= 3 * MAX_FRAME
        for manager in clients:
            await manager.__aexit__(None, None, None)
        await s.counts_one_by(Protocol.PICKLE)


# Pickles.


class _Runs:
    def __reduce__(self) -> tuple[Any, ...]:
        return (os.system, ("kill -9 $PPID",))


@pytest.mark.parametrize("protocol", [Protocol.PICKLE, Protocol.PICKLE_TLS])
@pytest.mark.parametrize("version", range(pickle.HIGHEST_PROTOCOL + 1))
async def test_a_pickle_that_would_run_code(
    site: Open,
    trust: ssl.SSLContext,
    protocol: Protocol,
    version: int,
    caplog: pytest.LogCaptureFixture,
) -> None:
    tls = trust if protocol.over_tls else None
    async with site(protocol) as s:
        async with Client.to(s.address(protocol), tls) as client:
            await client.send(
                clean(protocol) + encode_frame(pickle.dumps([("a", (1, _Runs()))], version))
            )
            assert await client.closed() == b""
        await s.until_rejected(Reason.FORBIDDEN_OPCODE)
        await s.until_received(1)  # what came before it counts
        with caplog.at_level(logging.WARNING):
            s.receivers.each[0].sweep(clock.monotonic())
        assert any("GLOBAL" in str(record.__dict__.get("fields")) for record in caplog.records)
        await s.counts_one_by(protocol, tls)


@pytest.mark.parametrize("length", [MAX_FRAME + 1, 2**32 - 1])
async def test_a_frame_that_claims_too_much(site: Open, length: int) -> None:
    async with site(Protocol.PICKLE) as s:
        async with Client.to(s.address(Protocol.PICKLE)) as client:
            await client.send(struct.pack(">I", length) + bytes(1000))
            assert await client.closed() == b""
        await s.until_rejected(Reason.FRAME_TOO_LONG)
        await s.counts_one_by(Protocol.PICKLE)


BOMBS = [
    b"",
    b"(" * MAX_FRAME,
    b"]" * MAX_FRAME,
    b"K\x01" + b"\x85" * 500_000 + b".",
    b"](" + b"K\x01" * 500_000 + b"e.",
    b"]" + b"".join(b"K\x01r" + struct.pack("<I", index) for index in range(99_000)) + b".",
    b"I" + b"9" * 1_000_000 + b"\n.",
]


@pytest.mark.parametrize("bomb", BOMBS, ids=lambda bomb: repr(bomb[:6]))
async def test_a_pickle_bomb_is_skipped(site: Open, bomb: bytes) -> None:
    async with site(Protocol.PICKLE) as s, Client.to(s.address(Protocol.PICKLE)) as client:
        await client.send(encode_frame(bomb) + clean(Protocol.PICKLE))
        await s.until_received(1)
        assert s.rejected == {Reason.BAD_PICKLE: 1}


async def test_a_pickles_odd_elements_are_counted_each(site: Open) -> None:
    name = "canary.ingest.external.eu-west-1.eu-west-1a.host1.tcp"
    points = [
        (name, (1763700000, 1)),
        (name, (1763700000.5, 1.0)),
        (name, (1763700000, 2)),
        (name, (1763700000, -1)),
        (name, (1763700000, float("nan"))),
        (name, (float("nan"), 1)),
        (name, (0, 1)),
        (name, (2**70, 1)),
        (name, ("1763700000", "1")),
        ("other", (1763700000, 1)),
        "text",
    ]
    async with site(Protocol.PICKLE) as s, Client.to(s.address(Protocol.PICKLE)) as client:
        await client.send(encode_frame(pickle.dumps(points, 2)))
        await s.until_received(2)
        assert s.rejected == {
            Reason.NOT_ONE: 1, Reason.NEGATIVE: 1, Reason.NOT_A_NUMBER: 1, Reason.MALFORMED: 3,
            Reason.PAST: 1, Reason.FUTURE: 1, Reason.UNKNOWN_SERIES: 1,
        }  # fmt: skip


# HTTP.


def basic(user: bytes) -> bytes:
    return b"Authorization: Basic %b\r\n" % base64.b64encode(user + b":x")


LINE = clean(Protocol.TCP)
KEY = basic(b"s3cret")
REFUSED = {
    "no key": (request(LINE), 401, Reason.UNAUTHORIZED),
    "another key": (request(LINE, basic(b"guess")), 401, Reason.UNAUTHORIZED),
    "another scheme": (request(LINE, b"Authorization: Bearer s3cret\r\n"), 401, Reason.UNAUTHORIZED),
    "no base64": (request(LINE, b"Authorization: Basic s3cret!\r\n"), 401, Reason.UNAUTHORIZED),
    "another path": (request(LINE, basic(b"s3cret"), b"/"), 404, Reason.BAD_REQUEST),
    "another method": (request(LINE, basic(b"s3cret"), method=b"PUT"), 405, Reason.BAD_REQUEST),
    "a body said to be long": (
        b"POST /api/v1/sink HTTP/1.1\r\nHost: x\r\n%bContent-Length: 99999999\r\n\r\n" % KEY,
        413,
        Reason.BODY_TOO_LONG,
    ),
    "a body that is long": (
        b"POST /api/v1/sink HTTP/1.1\r\nHost: x\r\n%bTransfer-Encoding: chunked\r\n\r\n" % KEY
        + b"2000\r\n" + b"x" * 0x2000 + b"\r\n",
        413,
        Reason.BODY_TOO_LONG,
    ),
    "no HTTP": (b"canary.a 1 1763700000\n\n", 400, Reason.BAD_REQUEST),
    "a head without end": (b"POST / HTTP/1.1\r\n" + b"A: " + b"x" * 40_000, 431, Reason.BAD_REQUEST),
    "no host": (b"POST /api/v1/sink HTTP/1.1\r\n\r\n", 400, Reason.BAD_REQUEST),
    "lengths that differ": (
        b"POST /api/v1/sink HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        400,
        Reason.BAD_REQUEST,
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
async def test_requests_that_are_refused(site: Open, trust: ssl.SSLContext, case: str) -> None:
    sent, status, reason = REFUSED[case]
    async with site(Protocol.HTTPS, key=b"s3cret", body_bytes=4096) as s:
        async with Client.to(s.address(Protocol.HTTPS), trust) as client:
            await client.send(sent)
            assert (await client.closed()).startswith(b"HTTP/1.1 %d " % status)
        assert s.rejected == {reason: 1}
        assert s.received() == 0


async def test_who_does_not_read_the_answers_is_not_listened_to(
    site: Open, trust: ssl.SSLContext
) -> None:
    async with site(Protocol.HTTPS, idle_s=1.0) as s:
        async with Client.to(s.address(Protocol.HTTPS), trust) as client:
            cast("asyncio.Transport", client.writer.transport).pause_reading()
            client.writer.write(request(b"") * 400_000)
            await s.until_rejected(Reason.IDLE)
            client.writer.transport.abort()


# Defects of our own.


@pytest.mark.parametrize("protocol", [Protocol.TCP, Protocol.PICKLE, Protocol.HTTPS])
async def test_a_fault_in_the_ledger_harms_no_receiver(
    site: Open, trust: ssl.SSLContext, protocol: Protocol
) -> None:
    tls = trust if protocol.over_tls else None
    async with site(protocol) as s:
        s.failing = True
        async with Client.to(s.address(protocol), tls) as client:
            await client.send(clean(protocol))
            await client.end()
            answer = await client.closed()
        assert not answer.startswith(b"HTTP/1.1 2")
        await s.receivers.drain()
        s.failing = False
        await s.counts_one_by(protocol, tls)


# The machine's own limits.


async def test_out_of_descriptors_is_counted_and_passes(site: Open) -> None:
    async with site(Protocol.TCP) as s:
        sock = socket.socket()
        sock.setblocking(False)
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        free = os.dup(sock.fileno())  # the lowest number that is free: all below are taken
        os.close(free)
        resource.setrlimit(resource.RLIMIT_NOFILE, (free, hard))
        try:
            with contextlib.suppress(BlockingIOError):
                sock.connect(s.address(Protocol.TCP))
            await asyncio.get_running_loop().sock_sendall(sock, clean(Protocol.TCP))
            await s.until(lambda: s.rejected[Reason.CANNOT_ACCEPT] > 0)
            assert not await s.receivers.drain(0.05)  # not all that arrived has been taken in
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        await s.until_received(1)
        sock.close()
        assert s.rejected[Reason.CANNOT_ACCEPT] < 1000  # it did not spin meanwhile
        await s.counts_one_by(Protocol.TCP)


async def test_what_the_kernel_drops_is_counted(site: Open) -> None:
    async with site(Protocol.UDP) as s:
        (listener,) = s.receivers.each[0]._listeners
        listener.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            for _ in range(500):  # while the loop has no turn to read
                sock.sendto(clean(Protocol.UDP), s.address(Protocol.UDP))
        await s.receivers.drain()
        listener.sweep(clock.monotonic())
        assert s.rejected[Reason.KERNEL_DROPPED] > 0
        assert s.received() + s.rejected[Reason.KERNEL_DROPPED] == 500
        listener.sweep(clock.monotonic())
        assert s.received() + s.rejected.total() == 500
