"""tcp, pickle and udp against real sockets: what is sent, refused, never read, cut off."""

from __future__ import annotations

import asyncio
import errno
import socket
import struct
from collections.abc import Generator

import pytest

from coalmine_agent.attempt import Attempt, Sender, Until
from coalmine_agent.senders import tcp
from coalmine_agent.target import Address, Target
from coalmine_wire.pickle_codec import encode_point
from coalmine_wire.protocols import Protocol
from coalmine_wire.reports import Step, Verdict
from tests.agent.attempts import (
    NAME,
    SLOT,
    attempt,
    black_hole,
    closed_port,
    listener,
    plan_for,
    silent_socket,
)

LINE = f"{NAME} 1 {SLOT}\n".encode()


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
@pytest.mark.parametrize(
    ("protocol", "key", "data"),
    [
        (Protocol.TCP, "", LINE),
        (Protocol.TCP, "API-KEY", b"API-KEY." + LINE),
        (Protocol.PICKLE, "", encode_point(NAME.encode(), SLOT)),
    ],
)
async def test_delivers(host: str, protocol: Protocol, key: str, data: bytes) -> None:
    async with listener(host=host) as served:
        ended = await attempt(plan_for(protocol, served.port, host=host, key=key))
        assert await served.received.get() == data
    assert ended.outcome.verdict is Verdict.SENT
    assert ended.outcome.error == ""
    assert ended.us(Step.CONNECT) >= 0
    assert ended.us(Step.SEND) >= 0
    assert (ended.us(Step.RESOLVE), ended.us(Step.TLS), ended.us(Step.RESPONSE)) == (-1, -1, -1)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_a_refused_connection_fails_at_once(host: str) -> None:
    port = closed_port(host=host)
    ended = await attempt(plan_for(Protocol.TCP, port, host=host))
    assert ended.outcome.verdict is Verdict.FAILED
    assert ended.outcome.step is Step.CONNECT
    assert "connection refused" in ended.outcome.error
    assert str(port) in ended.outcome.error
    assert ended.took_s < 0.5


def _host_without_ipv6(code: int) -> Sender:
    """tcp as on a host that answers so to whoever connects by IPv6."""

    def send(
        attempt: Attempt, target: Target, address: Address, slot: int
    ) -> Generator[Until, None, None]:
        if address.family == socket.AF_INET6:
            attempt.enter(Step.CONNECT)
            attempt.open(address.family, socket.SOCK_STREAM)
            raise OSError(code, "")
        yield from tcp.send(attempt, target, address, slot)

    return send


@pytest.mark.parametrize("code", [errno.EADDRNOTAVAIL, errno.ENETUNREACH, errno.EAFNOSUPPORT])
async def test_a_refusal_stands_where_the_host_has_no_other_family(code: int) -> None:
    """With IPv6 switched off Linux says "cannot assign requested address", as it does when it is out of
    ports: the datapoint must not count as not attempted."""
    port = closed_port()
    plan = plan_for(Protocol.TCP, port, host="localhost")
    target = Target(0, plan, _host_without_ipv6(code))
    for _ in range(2):
        outcome = (await attempt(plan, target=target)).outcome
        assert (outcome.verdict, outcome.step) == (Verdict.FAILED, Step.CONNECT)
        assert outcome.error == f"localhost:{port}: connection refused"


@pytest.mark.parametrize("code", [errno.EADDRNOTAVAIL, errno.ENETUNREACH, errno.EAFNOSUPPORT])
async def test_a_family_that_the_host_has_not_costs_no_datapoint(code: int) -> None:
    async with listener() as served:
        plan = plan_for(Protocol.TCP, served.port, host="localhost")
        target = Target(0, plan, _host_without_ipv6(code))
        target.reached(socket.AF_INET6)  # while it had it
        ended = await attempt(plan, target=target)
    assert ended.outcome.verdict is Verdict.SENT


async def test_a_listener_that_never_accepts_still_takes_it() -> None:
    """Its kernel acknowledges, so it is sent; that it never arrives is for the receipts to say."""
    with silent_socket() as sock:
        ended = await attempt(plan_for(Protocol.TCP, sock.getsockname()[1]))
    assert ended.outcome.verdict is Verdict.SENT
    assert ended.took_s < 0.5


async def test_no_answer_at_all_is_abandoned_at_the_deadline() -> None:
    with black_hole() as port:
        ended = await attempt(plan_for(Protocol.TCP, port), deadline_s=0.2)
    assert ended.outcome.verdict is Verdict.ABANDONED
    assert ended.outcome.step is Step.CONNECT
    assert ended.us(Step.CONNECT) == pytest.approx(200_000, abs=50_000)
    assert ended.us(Step.SEND) == -1


async def test_an_unacknowledged_line_is_abandoned_in_send() -> None:
    """A peer whose window is shut: its kernel takes the connection and no byte."""
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        sock.bind(("127.0.0.1", 0))
        sock.listen(8)
        name = "canary." + "x" * 60_000  # more than the smallest window takes
        plan = plan_for(Protocol.TCP, sock.getsockname()[1])
        object.__setattr__(plan, "series_name", name)
        ended = await attempt(plan, deadline_s=0.2)
    assert ended.outcome.verdict is Verdict.ABANDONED
    assert ended.outcome.step is Step.SEND


async def test_a_banner_does_not_reset_the_connection() -> None:
    async def greets(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"hello\r\n" * 100)
        await writer.drain()
        received.set_result(await reader.read())

    received: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
    async with listener(greets) as served:
        ended = await attempt(plan_for(Protocol.TCP, served.port))
        assert await received == LINE
    assert ended.outcome.verdict is Verdict.SENT


async def test_a_peer_that_accepts_and_resets_ends_the_attempt_at_once() -> None:
    async def resets(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        linger = struct.pack("ii", 1, 0)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        writer.transport.abort()

    async with listener(resets) as served:
        ended = await attempt(plan_for(Protocol.TCP, served.port))
    # Acknowledged before the reset or refused by it, but over either way.
    assert ended.outcome.verdict in (Verdict.SENT, Verdict.FAILED)
    assert ended.took_s < 0.5


async def test_a_datagram_counts_as_sent_at_the_deadline() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        ended = await attempt(plan_for(Protocol.UDP, sock.getsockname()[1]), deadline_s=0.2)
        assert sock.recv(4096) == LINE
    assert ended.outcome.verdict is Verdict.SENT
    assert ended.took_s == pytest.approx(0.2, abs=0.05)
    assert 0 <= ended.us(Step.SEND) < 100_000  # the wait for a refusal is not the sending


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_a_refused_datagram_fails_when_the_refusal_comes(host: str) -> None:
    port = closed_port(socket.SOCK_DGRAM, host)
    ended = await attempt(plan_for(Protocol.UDP, port, host=host))
    assert ended.outcome.verdict is Verdict.FAILED
    assert ended.outcome.step is Step.SEND
    assert "connection refused" in ended.outcome.error
    assert ended.took_s < 0.5
