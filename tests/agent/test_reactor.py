"""Batches of readiness, and descriptors whose numbers are given out again."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable

from coalmine_agent.plan import EndpointPlan
from coalmine_agent.reactor import ERROR, IN, OUT, READ_CLOSED, Reactor
from coalmine_wire.protocols import Protocol
from coalmine_wire.reports import Verdict
from tests.agent.attempts import attempt, closed_port, listener, plan_for, silent_socket
from tests.conftest import Authority


class Ear:
    """A handler that keeps what it is told and may act on it."""

    def __init__(self, act: Callable[[int], None] = lambda events: None) -> None:
        self.heard: list[int] = []
        self._act = act

    def ready(self, events: int) -> None:
        self.heard.append(events)
        self._act(events)


async def test_tells_reads_writes_and_the_end() -> None:
    reactor = Reactor(asyncio.get_running_loop())
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    ear = Ear()
    with ours, theirs:
        reactor.watch(ours.fileno(), ear)
        reactor.poll()
        assert ear.heard == [OUT]
        reactor.poll()
        assert ear.heard == [OUT]  # each change is told once
        theirs.send(b"x")
        reactor.poll()
        assert ear.heard[1] & IN
        theirs.close()
        reactor.poll()
        assert ear.heard[2] & READ_CLOSED
        reactor.forget(ours.fileno())
    assert reactor.watched == 0
    reactor.close()


async def test_the_loop_wakes_it() -> None:
    reactor = Reactor(asyncio.get_running_loop())
    ours, theirs = socket.socketpair()
    with ours, theirs:
        woken = asyncio.Event()
        reactor.watch_reads(ours.fileno(), Ear(lambda _: woken.set()))
        theirs.send(b"x")
        await woken.wait()
        reactor.forget(ours.fileno())
    reactor.close()


async def test_errors_alone() -> None:
    reactor = Reactor(asyncio.get_running_loop())
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setblocking(False)
        sock.connect(("127.0.0.1", closed_port(socket.SOCK_DGRAM)))
        told = asyncio.Event()
        ear = Ear(lambda _: told.set())
        reactor.watch_errors(sock.fileno(), ear)
        reactor.poll()
        assert ear.heard == []
        sock.send(b"x")
        await told.wait()
        assert ear.heard[0] & ERROR
        reactor.forget(sock.fileno())
    reactor.close()


async def test_a_second_look_comes_without_an_event() -> None:
    reactor = Reactor(asyncio.get_running_loop())
    looked = asyncio.Event()
    ear = Ear(lambda _: looked.set())
    reactor.again(ear)
    assert ear.heard == []
    await looked.wait()
    assert ear.heard == [0]
    reactor.close()


async def test_a_number_given_out_again_within_a_batch_reaches_the_new_socket_only() -> None:
    """Two sockets are ready; the first one's handler closes the other and opens a new one instead."""
    reactor = Reactor(asyncio.get_running_loop())
    first, first_end = socket.socketpair()
    second, second_end = socket.socketpair()
    number = second.fileno()
    fresh: list[socket.socket] = []
    fresh_ear, second_ear = Ear(), Ear()

    def replace(_: int) -> None:
        if not fresh:
            reactor.forget(number)
            second.close()
            ours, theirs = socket.socketpair()
            assert ours.fileno() == number
            fresh.extend((ours, theirs))
            reactor.watch(number, fresh_ear)

    with first, first_end, second_end:
        reactor.watch_reads(first.fileno(), Ear(replace))
        reactor.watch_reads(number, second_ear)
        first_end.send(b"x")
        second_end.send(b"x")
        reactor.poll()
        assert second_ear.heard == []  # the stale event went to its successor, or nowhere
        before = len(fresh_ear.heard)
        fresh[1].send(b"x")
        reactor.poll()
        assert len(fresh_ear.heard) == before + 1  # the new socket is watched as any other
        assert fresh_ear.heard[-1] & IN
        for sock in fresh:
            reactor.forget(sock.fileno())
            sock.close()
    reactor.close()


async def test_a_thousand_attempts_leak_nothing_and_none_is_lost_to_a_reused_number(
    authority: Authority,
) -> None:
    """Those that fail at once free numbers which others under way then get."""
    reactor = Reactor(asyncio.get_running_loop())
    tls = authority.client_context()
    refused = closed_port()
    async with (
        listener() as plain,
        listener(tls=authority.server_context("localhost")) as secure,
    ):
        with silent_socket() as hanging:
            plans: list[tuple[EndpointPlan, Verdict]] = [
                (plan_for(Protocol.TCP, plain.port), Verdict.SENT),
                (plan_for(Protocol.TCP, refused), Verdict.FAILED),
                (plan_for(Protocol.TLS, secure.port, tls=tls), Verdict.SENT),
                (plan_for(Protocol.TLS, refused, tls=tls), Verdict.FAILED),
                (plan_for(Protocol.UDP, closed_port(socket.SOCK_DGRAM)), Verdict.FAILED),
                (
                    plan_for(Protocol.TLS, secure.port, tls=tls, server_name="else.example"),
                    Verdict.FAILED,
                ),
                (plan_for(Protocol.TLS, hanging.getsockname()[1], tls=tls), Verdict.ABANDONED),
                (plan_for(Protocol.PICKLE, plain.port), Verdict.SENT),
            ]
            await attempt(plans[2][0], reactor=reactor)  # what is opened once, is open now
            before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
            for round_ in range(25):
                chosen = plans if round_ % 5 == 0 else [p for p in plans if p[1] != Verdict.ABANDONED]
                batch = [(plan, verdict) for plan, verdict in chosen for _ in range(6)]
                ended = await asyncio.gather(
                    *(attempt(plan, reactor=reactor, deadline_s=0.5) for plan, _ in batch)
                )
                assert [one.outcome.verdict for one in ended] == [verdict for _, verdict in batch]
                assert reactor.watched == 0
        assert len(os.listdir("/proc/self/fd")) <= before + 16  # noqa: PTH208 (the servers' own)
    reactor.close()
