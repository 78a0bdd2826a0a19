"""Clean datapoints by every protocol, over real sockets."""

from __future__ import annotations

import asyncio
import base64
import fcntl
import socket
import ssl
import sys
import termios

import pytest

from coalmine_aggregator.receivers.gather import FLUSH_BYTES
from coalmine_aggregator.receivers.reasons import Reason
from coalmine_aggregator.receivers.receiver import MAX_KEY
from coalmine_aggregator.receivers.receivers import Listen, ListenError
from coalmine_wire.protocols import Protocol
from tests.aggregator.receivers.conftest import NAME, NOW, Client, Open, clean, request

STREAMS = [protocol for protocol in Protocol if protocol is not Protocol.UDP]


@pytest.mark.parametrize("protocol", STREAMS)
@pytest.mark.parametrize("chunk", [1, 7, 10_000])
async def test_a_datapoint_by_stream(
    site: Open, trust: ssl.SSLContext, protocol: Protocol, chunk: int
) -> None:
    async with site(protocol) as s:
        tls = trust if protocol.over_tls else None
        async with Client.to(s.address(protocol), tls) as client:
            data = clean(protocol)
            for at in range(0, len(data), chunk):
                await client.send(data[at : at + chunk])
            await client.end()
            await s.until_received(1)
        assert s.receipts == {(0, 7, NOW): 1}
        assert not s.rejected


@pytest.mark.parametrize("protocol", [each for each in STREAMS if each is not Protocol.HTTPS])
async def test_many_datapoints_by_one_connection(
    site: Open, trust: ssl.SSLContext, protocol: Protocol
) -> None:
    count = 2 * FLUSH_BYTES // len(clean(protocol))
    async with site(protocol) as s:
        async with Client.to(s.address(protocol), trust if protocol.over_tls else None) as client:
            await client.send(b"".join(clean(protocol, NOW - number % 3) for number in range(count)))
            await client.end()
            await s.until_received(count)
        assert {slot for _, _, slot in s.receipts} == {NOW, NOW - 1, NOW - 2}
        assert not s.rejected


async def test_many_short_connections(site: Open) -> None:
    async with site(Protocol.TCP) as s:
        address = s.address(Protocol.TCP)

        async def one() -> None:
            async with Client.to(address) as client:
                await client.send(clean(Protocol.TCP))

        for _ in range(5):
            await asyncio.gather(*(one() for _ in range(60)))
        await s.until_received(300)
        await s.until(lambda: s.connections(Protocol.TCP) == 0)
        assert not s.rejected


@pytest.mark.parametrize("ending", [b"", b"\n", b"\r\n"])
async def test_datagrams(site: Open, ending: bytes) -> None:
    line = clean(Protocol.UDP).rstrip()
    async with site(Protocol.UDP) as s:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            for _ in range(20):
                sock.sendto(line + ending, s.address(Protocol.UDP))
            sock.sendto(b"\n".join([line] * 50), s.address(Protocol.UDP))
            await s.until_received(70)
        assert not s.rejected


@pytest.mark.parametrize("protocol", [Protocol.TCP, Protocol.UDP])
async def test_ipv6(site: Open, protocol: Protocol) -> None:
    async with site(protocol, host="::1") as s:
        address = s.address(protocol, "::1")
        if protocol is Protocol.UDP:
            with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
                sock.sendto(clean(protocol), address)
        else:
            async with Client.to(address) as client:
                await client.send(clean(protocol))
        await s.until_received(1)


async def test_a_name_listens_on_every_address_that_it_has(site: Open) -> None:
    async with site(Protocol.TCP, host="localhost") as s:
        addresses = s.receivers.each[0].addresses
        assert len({port for _, port in addresses}) == 1
        for address in addresses:
            async with Client.to(address) as client:
                await client.send(clean(Protocol.TCP))
        await s.until_received(len(addresses))


@pytest.mark.parametrize("protocol", [each for each in STREAMS if each is not Protocol.HTTPS])
async def test_a_key_stands_in_front_of_every_name(
    site: Open, trust: ssl.SSLContext, protocol: Protocol
) -> None:
    async with site(protocol, key=b"s3cret") as s:
        async with Client.to(s.address(protocol), trust if protocol.over_tls else None) as client:
            for name in (NAME, b"other." + NAME, b"s3cret." + NAME):
                await client.send(clean(protocol, name=name))
            await s.until_received(1)
        assert s.rejected == {Reason.BAD_KEY: 2}


def basic(user: bytes) -> bytes:
    return b"Authorization: Basic %b\r\n" % base64.b64encode(user + b":")


async def test_requests_are_answered_when_their_lines_are_handed_on(
    site: Open, trust: ssl.SSLContext
) -> None:
    line = clean(Protocol.TCP)
    async with (
        site(Protocol.HTTPS, key=b"s3cret") as s,
        Client.to(s.address(Protocol.HTTPS), trust) as client,
    ):
        for number in range(1, 4):  # kept alive
            await client.send(request(line * number, basic(b"s3cret")))
            async with asyncio.timeout(5):
                assert (await client.reader.readuntil(b"\r\n\r\n")).startswith(
                    b"HTTP/1.1 204 No Content\r\n"
                )
            assert (
                s.received() == number * (number + 1) // 2
            )  # already there, nothing had to be waited for
        assert not s.rejected


async def test_a_request_in_pieces_and_one_that_waits_to_be_asked(
    site: Open, trust: ssl.SSLContext
) -> None:
    line = clean(Protocol.TCP).rstrip()
    async with site(Protocol.HTTPS) as s:
        async with Client.to(s.address(Protocol.HTTPS), trust) as client:
            chunks = b"5\r\n%b\r\n%x\r\n%b\r\n0\r\n\r\n" % (line[:5], len(line) - 5, line[5:])
            head = b"POST /api/v1/sink?a=b HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
            await client.send(head + b"Expect: 100-continue\r\nConnection: close\r\n\r\n")
            async with asyncio.timeout(5):
                assert b" 100 " in await client.reader.readuntil(b"\r\n\r\n")
            await client.send(chunks)
            assert (await client.closed()).startswith(b"HTTP/1.1 204 ")
        assert s.received() == 1


async def test_what_was_read_before_the_stop_is_handed_on(site: Open) -> None:
    async with site(Protocol.TCP) as s:
        async with Client.to(s.address(Protocol.TCP)) as client:
            await client.send(clean(Protocol.TCP) * 3)
            await s.until(lambda: s.connections(Protocol.TCP) == 1)
            await s.receivers.stop()
            assert s.received() == 3


async def test_drain_takes_in_all_that_had_arrived(site: Open) -> None:
    """What a peer has sent, and the kernel acknowledged, before the call is counted after it."""
    lines = clean(Protocol.TCP) * 20_000  # more than one turn reads
    async with site(Protocol.TCP) as s:
        with socket.create_connection(s.address(Protocol.TCP)) as sock:
            sock.setblocking(False)
            sent = 0
            for _ in range(20):
                try:
                    while sent < len(lines):
                        sent += sock.send(lines[sent:])
                except BlockingIOError:
                    pass
                arrived = sent - not_acknowledged(sock)
                assert await s.receivers.drain(5.0)
                assert s.receivers.backlog() == 0
                assert s.received() >= arrived // len(clean(Protocol.TCP))
                if sent == len(lines):
                    break
            await s.until_received(20_000)


def not_acknowledged(sock: socket.socket) -> int:
    """Bytes sent that the other end's kernel has not taken."""
    left = bytearray(4)
    fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, left)
    return int.from_bytes(left, sys.byteorder)


async def test_a_port_in_use_is_told_in_one_line_and_nothing_stays_open(site: Open) -> None:
    async with site(Protocol.TCP) as s:
        _, port = s.address(Protocol.TCP)
        from coalmine_aggregator.receivers.limits import ReceiverLimits
        from coalmine_aggregator.receivers.receivers import Receivers
        from coalmine_aggregator.receivers.table import SeriesTable

        second = Receivers(
            [
                Listen(protocol=Protocol.UDP, host="127.0.0.1", port=0, source=0),
                Listen(protocol=Protocol.TCP, host="127.0.0.1", port=port, source=0),
            ],
            table=SeriesTable(b"k"),
            sink=s.sink,
            rejects=s.rejects,
            limits=ReceiverLimits(),
        )
        with pytest.raises(ListenError, match=rf"tcp 127.0.0.1:{port}: Address already in use"):
            await second.start()
        await s.counts_one_by(Protocol.TCP)


def test_what_cannot_be_listened_for() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with pytest.raises(ValueError, match="needs TLS"):
        Listen(protocol=Protocol.TLS, host="", port=0, source=0)
    with pytest.raises(ValueError, match="has no TLS"):
        Listen(protocol=Protocol.TCP, host="", port=0, source=0, tls=context)
    with pytest.raises(ValueError, match="at most"):
        Listen(protocol=Protocol.TCP, host="", port=0, source=0, key=b"k" * (MAX_KEY + 1))
