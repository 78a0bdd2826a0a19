"""A real HAProxy asks as the documentation says: it drains and returns a server, and whoever dies, no
server stays out once somebody answers again; through the gate not even then."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import re
import signal
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from coalmine_aggregator.actuate.nodes.nodes_output import NodesOutput
from coalmine_aggregator.actuate.nodes.settings import NodesSettings
from coalmine_aggregator.broker import Listener
from coalmine_aggregator.demo.ports import free_port
from coalmine_aggregator.model.withdrawal import Phase
from tests.agent.service import AgentService, configuration
from tests.aggregator.actuate.running import running
from tests.aggregator.actuate.words import withdrawal, word
from tests.aggregator.test_broker import ANYWHERE, own
from tests.aggregator.test_broker import running as broker_running
from tests.servers.balancer import Balancer
from tests.servers.central_check import CentralCheck
from tests.servers.gate import PAGE, documented_gate
from tests.servers.waiting import until

NODES = ("web-1", "web-2", "web-3")
SOON_S = 8.0
LEASE_S = 3.0


def documented(answers: str, port: int) -> Callable[[str], str]:
    """What stands behind a server's address in the documentation, with the addresses of this test.
    `answers` is who does: `ingest` for the nodes, `ingest/web-3` for the aggregator."""
    lines = re.findall(r"^ +server web-3 \S+ (.*)$", PAGE.read_text(), re.MULTILINE)
    (line,) = [each for each in lines if f'agent-send "{answers}\\n"' in each]
    line = re.sub(r"agent-addr \S+ agent-port \d+", f"agent-addr 127.0.0.1 agent-port {port}", line)
    line = line.replace("agent-inter 2s", "agent-inter 300ms")
    return lambda server: line.replace("web-3", server)


@contextlib.asynccontextmanager
async def backends() -> AsyncIterator[dict[str, str]]:
    """Servers that say who they are, and go on to echo what they are sent; name -> address."""
    async with AsyncExitStack() as stack:
        addresses = {}
        for name in NODES:

            async def serve(
                reader: asyncio.StreamReader, writer: asyncio.StreamWriter, name: str = name
            ) -> None:
                with contextlib.suppress(OSError):
                    writer.write(name.encode() + b"\n")
                    while line := await reader.readline():
                        writer.write(line)
                writer.close()

            server = await asyncio.start_server(serve, "127.0.0.1", 0)
            stack.push_async_callback(server.wait_closed)
            stack.callback(server.close)
            addresses[name] = "127.0.0.1:{1}".format(*server.sockets[0].getsockname())
        yield addresses


async def reached(balancer: Balancer, tries: int = 24) -> set[str]:
    """Where new connections lead."""
    found = set()
    for _ in range(tries):
        reader, writer = await asyncio.open_connection(balancer.host, balancer.ports["ingest"])
        found.add((await reader.readline()).decode().strip())
        writer.close()
    return found


class Held:
    """A connection that is open."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def works(self) -> bool:
        self.writer.write(b"still here\n")
        async with asyncio.timeout(5):
            return await self.reader.readline() == b"still here\n"


async def held_to(balancer: Balancer, name: str) -> Held:
    while True:
        reader, writer = await asyncio.open_connection(balancer.host, balancer.ports["ingest"])
        if (await reader.readline()).decode().strip() == name:
            return Held(reader, writer)
        writer.close()


@contextlib.asynccontextmanager
async def balanced(
    folder: Path, check: Callable[[str], str], *, asks: Sequence[str] = (), beside: str = ""
) -> AsyncIterator[Balancer]:
    async with backends() as servers:
        balancer = Balancer(
            folder / "haproxy", backends={"ingest": servers}, check=check, asks=asks, beside=beside
        )
        await balancer.start()
        try:
            yield balancer
        finally:
            await balancer.stop()


@pytest.fixture
def node(tmp_path: Path) -> AgentService:
    """The agent on web-3; where its broker is comes later."""
    return AgentService(tmp_path, {})


async def test_by_the_agent_on_the_node(tmp_path: Path, node: AgentService) -> None:
    port = free_port()
    checked = documented("ingest", port)
    async with (
        broker_running(Listener(address=ANYWHERE, password=None)) as broker,
        balanced(
            tmp_path, lambda server: checked(server) if server == "web-3" else "weight 100"
        ) as balancer,
    ):
        node.write(
            configuration(
                broker.port,
                agent={"location": "on-machine", "region": "r", "zone": "z", "host": "web-3"},
                services={"ingest": {"tcp": "127.0.0.1:1"}, "other": {"tcp": "127.0.0.1:1"}},
                health={"agent_check": f"127.0.0.1:{port}"},
            )
        )
        await node.start()
        link = dataclasses.replace(own(broker), fleet="test")
        output = NodesOutput(NodesSettings(every=1.0), link, None, ["ingest"])
        async with running(output, word(lease_s=LEASE_S)) as say:
            await balancer.until_out([], SOON_S)
            assert await reached(balancer) == set(NODES)
            held = await held_to(balancer, "web-3")

            say(word(withdrawal(phase=Phase.DRAIN), lease_s=LEASE_S))
            await balancer.until_out(["web-3"], SOON_S)
            assert await reached(balancer) == {"web-1", "web-2"}
            assert await held.works()
            say(word("web-3", lease_s=LEASE_S))
            await balancer.until_status("ingest", "web-3", "DOWN (agent)", SOON_S)
            assert await reached(balancer) == {"web-1", "web-2"}
            say(word(lease_s=LEASE_S))
            await balancer.until_out([], SOON_S)
            assert await reached(balancer) == set(NODES)

            # An operator's own word stands, whatever is said beside it.
            await balancer.command("set server ingest/web-3 state maint")
            await asyncio.sleep(1.5)
            assert (await balancer.servers())["ingest"]["web-3"].status == "MAINT"
            await balancer.command("set server ingest/web-3 state ready")

            # The agent dies while the node is out, and is started again when nobody decides any more.
            say(word("web-3", lease_s=LEASE_S))
            await balancer.until_status("ingest", "web-3", "DOWN (agent)", SOON_S)
            await node.kill()
        await asyncio.sleep(1.5)
        assert await balancer.out() == {"web-3"}  # HAProxy goes by what it heard last
        await node.start()
        await balancer.until_out([], SOON_S)

        # Whoever decides dies, and the agent lives: the lease ends.
        async with running(output, word("web-3", lease_s=LEASE_S)):
            await balancer.until_out(["web-3"], SOON_S)
        await balancer.until_out([], LEASE_S + SOON_S)

        # It is told to stop: its last words undo what it said.
        async with running(output, word("web-3", lease_s=LEASE_S)):
            await balancer.until_out(["web-3"], SOON_S)
            node.signal(signal.SIGTERM)
            await balancer.until_out([], SOON_S)
            assert await node.wait(SOON_S) == 0
        held.writer.close()


async def test_through_the_gate_no_server_stays_out_though_its_agent_stays_dead(
    tmp_path: Path, node: AgentService
) -> None:
    port = free_port()
    # The agents of the others are not there at all, which is no reason to take anybody out.
    nobody = f"127.0.0.1:{free_port()}"
    gate = documented_gate("ingest", {"web-1": nobody, "web-2": nobody, "web-3": f"127.0.0.1:{port}"})
    async with (
        broker_running(Listener(address=ANYWHERE, password=None)) as broker,
        balanced(tmp_path, gate.check, asks=gate.asks, beside=gate.beside) as balancer,
    ):
        node.write(
            configuration(
                broker.port,
                agent={"location": "on-machine", "region": "r", "zone": "z", "host": "web-3"},
                services={"ingest": {"tcp": "127.0.0.1:1"}},
                health={"listen": f"127.0.0.1:{port}"},
            )
        )
        await node.start()
        link = dataclasses.replace(own(broker), fleet="test")
        output = NodesOutput(NodesSettings(every=1.0), link, None, ["ingest"])
        long = 60.0
        async with running(output, word(lease_s=long)) as say:
            await balancer.until_out([], SOON_S)
            assert await reached(balancer) == set(NODES)
            held = await held_to(balancer, "web-3")
            say(word("web-3", lease_s=long))
            await balancer.until_out(["web-3"], SOON_S)
            assert await reached(balancer) == {"web-1", "web-2"}
            assert await held.works()

            node.signal(signal.SIGSTOP)
            await balancer.until_out([], SOON_S)
            node.signal(signal.SIGCONT)
            await balancer.until_out(["web-3"], SOON_S)
            await node.kill()
            await balancer.until_out([], SOON_S)
            assert await reached(balancer) == set(NODES)
        held.writer.close()


async def test_an_own_verdict_lowers_a_weight(tmp_path: Path, node: AgentService) -> None:
    port = free_port()
    async with balanced(tmp_path, documented("ingest", port)) as balancer:
        node.write(
            configuration(
                1,  # no broker: it is alone
                agent={"location": "on-machine", "region": "r", "zone": "z", "host": "web-3"},
                services={"ingest": {"tcp": "127.0.0.1:1"}},
                health={"agent_check": f"127.0.0.1:{port}", "lower_weight": "50%"},
            )
        )
        await node.start()

        async def lowered() -> bool:
            return (await balancer.servers())["ingest"]["web-3"].weight == 50

        await until(lowered, deadline_s=SOON_S, what="its weight is lowered", explain=node.tail)
        assert await balancer.out() == set()
        assert "web-3" in await reached(balancer)
        await node.kill()


async def test_by_the_aggregator(tmp_path: Path) -> None:
    central = CentralCheck(tmp_path / "central")
    check = documented("ingest/web-3", central.port)
    async with balanced(tmp_path, check) as balancer:
        await central.start()
        await balancer.until_out([], SOON_S)
        central.out("web-2")
        await balancer.until_out(["web-2"], SOON_S)
        assert await reached(balancer) == {"web-1", "web-3"}
        central.out("web-2", "web-3")
        await balancer.until_out(["web-2", "web-3"], SOON_S)
        central.out("web-3")
        await balancer.until_out(["web-3"], SOON_S)

        await central.kill()
        await asyncio.sleep(1.5)
        assert await balancer.out() == {"web-3"}
        central.out()
        await central.start()
        await balancer.until_out([], SOON_S)

        central.out("web-1")
        await balancer.until_out(["web-1"], SOON_S)
        central.signal(signal.SIGTERM)
        await balancer.until_out([], SOON_S)
        assert await central.wait(SOON_S) == 0

        # By hand, where nobody answers any more.
        central.out("web-1")
        await central.start()
        await balancer.until_out(["web-1"], SOON_S)
        await central.kill()
        for line in re.findall(
            r"^(set server \S+ (?:agent|weight) \S+)", PAGE.read_text(), re.MULTILINE
        ):
            assert not await balancer.command(line.replace("web-3", "web-1"))
        await balancer.until_out([], SOON_S)
        assert await reached(balancer) == set(NODES)
