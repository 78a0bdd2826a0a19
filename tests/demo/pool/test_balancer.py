"""The balancer, a real process, before servers of ours: who gets what, by the words of agent-checks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from coalmine_aggregator.demo import children
from coalmine_aggregator.demo.children import Child
from coalmine_aggregator.demo.pool.grounds import BALANCER_ARGV
from coalmine_aggregator.demo.ports import HOST, free_port
from coalmine_aggregator.demo.stage import heard
from coalmine_runtime.agent_check_server import AgentCheckServer
from coalmine_runtime.quantities import Address
from coalmine_wire.agent_check import UP, word_for
from coalmine_wire.withdrawals import Phase
from tests.demo.pool.test_node import send_tcp, send_udp
from tests.servers.sink import Sink
from tests.servers.waiting import until, within

WAIT_S = 20
MANY = 60


class Datagrams(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.content = b""

    def datagram_received(self, data: bytes, addr: object) -> None:
        self.content += data

    async def until(self, mark: bytes, count: int) -> None:
        async def came() -> bool:
            return self.content.count(mark) == count

        await until(came, deadline_s=WAIT_S, what=f"{count} datagrams {mark!r}")


class Server:
    """What stands for a node: lines by TCP and UDP, and an agent-check that says `word`."""

    def __init__(self) -> None:
        self.word = UP
        self.lines = Sink(port=free_port())
        self.datagrams = Datagrams()
        self.check = AgentCheckServer(lambda _: self.word, named=False)

    async def open(self, stack: AsyncExitStack) -> None:
        await stack.enter_async_context(self.lines)
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(
            lambda: self.datagrams, local_addr=(HOST, self.lines.port)
        )
        stack.callback(transport.close)
        await self.check.start(Address(HOST, 0))
        stack.push_async_callback(self.check.close)


class Site:
    def __init__(self) -> None:
        self.servers = {"a": Server(), "b": Server()}
        self.port = free_port()
        self.child: Child | None = None

    async def out(self) -> object:
        assert self.child is not None
        return (await within(heard(self.child), WAIT_S))["out"]


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    site = Site()
    async with AsyncExitStack() as stack:
        for server in site.servers.values():
            await server.open(stack)
        nodes = [
            f"{name}={server.lines.port}/{server.check.port}" for name, server in site.servers.items()
        ]
        argv = (*BALANCER_ARGV, str(site.port), *nodes)
        site.child = await children.start("balancer", argv, tmp_path, piped=True)
        try:
            assert await site.out() == []
            yield site
        finally:
            await children.stop([[site.child]])


async def send_many(site: Site, mark: str) -> None:
    for number in range(MANY):
        line = f"{mark}.{number} 1 1\n".encode()
        await send_tcp(site.port, line)
        send_udp(site.port, line)


async def test_all_get_their_share_and_who_is_out_gets_nothing(site: Site) -> None:
    a, b = site.servers["a"], site.servers["b"]
    await send_many(site, "both")
    await a.lines.until(rb"both\.")
    await b.lines.until(rb"both\.")
    for phase in (Phase.DRAIN, Phase.DOWN):
        b.word = word_for(phase)
        if phase is Phase.DRAIN:
            assert await site.out() == ["b"]
        await send_many(site, str(phase))
        await a.lines.until(rb"%b\." % str(phase).encode(), MANY)
        await a.datagrams.until(f"{phase}.".encode(), MANY)
        for content in (b.lines.content, b.datagrams.content):
            assert f"{phase}.".encode() not in content
    b.word = word_for(None)
    assert await site.out() == []
    await send_many(site, "again")
    await b.lines.until(rb"again\.")


async def test_a_node_whose_check_is_dead_keeps_its_share(site: Site) -> None:
    b = site.servers["b"]
    await b.check.close()
    await send_many(site, "dead")
    await b.lines.until(rb"dead\.")


async def test_it_ends_with_its_standard_input(site: Site) -> None:
    assert site.child is not None
    assert site.child.process.stdin is not None
    site.child.process.stdin.close()
    await within(site.child.process.wait(), WAIT_S)
    assert site.child.process.returncode == 0
