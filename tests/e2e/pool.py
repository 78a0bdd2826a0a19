"""A pool of real ingestion servers behind HAProxy, watched from on each machine and from beside it.

    customers, external agent --> HAProxy --> carbon-c-relay on each node (tcp, tls)
    internal agents ------------------------> carbon-c-relay on each node (tcp, tls, udp), past HAProxy
    each node's own agent ------------------> its own carbon-c-relay (tcp, tls, udp)
    carbon-c-relay --> canary.* --> aggregator;  everything else --> store
    aggregator --> Mosquitto --> each node's agent --> HAProxy's agent-check, or its health check

Every node has a network namespace of its own; all the rest is on this machine's side of the bridge.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any

from coalmine_aggregator.demo.ports import free_port
from coalmine_aggregator.remediate.rails import SETTLING_SLOTS
from coalmine_runtime import clock
from tests.conftest import Authority
from tests.e2e.api import Api
from tests.e2e.fleet import SERVICE, Agent, Aggregator, Place
from tests.servers.balancer import Balancer
from tests.servers.bridge import Bridge, Member
from tests.servers.carbon_c_relay import CarbonCRelay
from tests.servers.gate import Gate, documented_gate
from tests.servers.mosquitto import Mosquitto
from tests.servers.process import Process
from tests.servers.sink import Sink
from tests.servers.waiting import until

PLAIN, TLS, CHECK, PAGES = 2003, 2004, 9777, 9778
"""Ports on every node: lines by TCP and UDP, lines by TLS, HAProxy's agent-check, pages of health."""

REGION, ZONES = "dc1", ("dc1-a", "dc1-b")

DIRECT = ("canary-1", "canary-2")
"""The agents that reach each node past HAProxy."""

LEASE_S = 10

TOGETHER = 6
"""Processes started at once: on two cores more would only wait for each other."""


class Node:
    """One machine of the pool: an ingestion server and Coalmine's agent."""

    def __init__(self, pool: Pool, member: Member, number: int) -> None:
        self.name = f"ingest{number:02}"
        self.member = member
        self._expired = pool.authority.issue(
            member.address, "127.0.0.1", until=datetime.now(UTC) - timedelta(hours=1)
        )
        self._certificate = pool.authority.issue(member.address, "127.0.0.1")
        folder = pool.folder / self.name
        self.relay = CarbonCRelay(
            folder / "relay",
            aggregator=pool.receiver,
            store=pool.store.address,
            host=member.address,
            port=PLAIN,
            certificate=self._certificate.both,
            tls_port=TLS,
            prefix=member.namespace.command([]),
        )
        self.agent = Agent(
            folder / "agent",
            Place(self.name, "on-machine", REGION, ZONES[number % len(ZONES)]),
            broker=pool.broker_section,
            endpoints=self.endpoints(str(pool.authority.ca_file)),
            prefix=member.namespace.command([]),
        )
        self.agent.settings["health"] = {
            "agent_check": f"{member.address}:{CHECK}",
            "listen": f"{member.address}:{PAGES}",
            "allow_from": [pool.bridge.network],
        }
        self.agent.write()

    def endpoints(self, ca_file: str, variant: str = "") -> dict[str, Any]:
        """All that it serves, past HAProxy."""
        plain = f"{self.member.address}:{PLAIN}"
        return {
            f"tcp{variant}": plain,
            f"udp{variant}": plain,
            f"tls{variant}": {"address": f"{self.member.address}:{TLS}", "ca_file": ca_file},
        }

    # Five ways to break, and back.

    async def crash(self) -> None:
        """kill -9."""
        await self.relay.kill()

    async def hang(self) -> None:
        """Stopped in its tracks: the kernel goes on accepting for it."""
        self.relay.signal(signal.SIGSTOP)

    async def black_hole(self) -> None:
        """Nothing that is sent to it is answered."""
        await self.member.drop("tcp", PLAIN, TLS)
        await self.member.drop("udp", PLAIN)

    async def lose_udp(self) -> None:
        """Datagrams vanish without a word; all else is well."""
        await self.member.drop("udp", PLAIN)

    async def expire(self) -> None:
        """Its certificate has ended."""
        self.relay.show(self._expired.both)
        await self.relay.kill()
        await self.relay.start()

    async def mend(self, how: str) -> None:
        """Undoes the way in which it was broken, by that method's name."""
        match how:
            case "crash":
                await self.relay.start()
            case "hang":
                self.relay.signal(signal.SIGCONT)
            case "black_hole":
                await self.member.take("tcp", PLAIN, TLS)
                await self.member.take("udp", PLAIN)
            case "lose_udp":
                await self.member.take("udp", PLAIN)
            case "expire":
                self.relay.show(self._certificate.both)
                await self.relay.kill()
                await self.relay.start()


def remediation(**more: Any) -> dict[str, Any]:
    """The aggregator's section for a small pool whose nodes are to come back soon."""
    rules = {"services": [SERVICE], "dry_run": False, "floor": 2, "per_minute": 10}
    times = {"recovery": "3s", "hold": "3s", "drain": "2s", "lease": f"{LEASE_S}s"}
    return {**rules, **times, "outputs": {"nodes": {}}, **more}


BREAKS = ("crash", "hang", "black_hole", "lose_udp", "expire")


class Pool:
    """`size` nodes; `async with` starts everything. `remediation` is the aggregator's section of that
    name; with `central` HAProxy asks the aggregator, not each node; with `gated` its health check asks
    each node, through the gate."""

    def __init__(
        self,
        folder: Path,
        authority: Authority,
        size: int,
        *,
        remediation: Mapping[str, Any],
        central: bool = False,
        gated: bool = False,
    ) -> None:
        self.folder = folder
        self.authority = authority
        self.nodes: dict[str, Node] = {}
        self._size = size
        self._remediation = remediation
        self._gated = gated
        self._stack = AsyncExitStack()
        self.bridge = Bridge()
        self._check = f"agent-check agent-port {CHECK} agent-inter 1s"
        if central:
            port = free_port()
            listen = {"listen": f"{self.bridge.here}:{port}", "allow_from": [self.bridge.network]}
            self._remediation = {**remediation, "outputs": {"haproxy": listen}}
            self._check = (
                f"agent-check agent-addr {self.bridge.here} agent-port {port} agent-inter 1s "
                f'agent-send "{SERVICE}/{{node}}\\n"'
            )
        self.broker = Mosquitto(folder / "mosquitto", host=self.bridge.here)
        self.broker_section = {"url": f"mqtt://{self.bridge.here}:{self.broker.port}"}
        self.receiver = f"{self.bridge.here}:{free_port()}"
        self.store = Sink(self.bridge.here)

    @property
    def api(self) -> Api:
        """The aggregator's."""
        return self.aggregator.api

    async def __aenter__(self) -> Pool:
        try:
            await self._start()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def _start(self) -> None:
        await self._stack.enter_async_context(self.bridge)
        await self._stack.enter_async_context(self.store)
        for number in range(1, self._size + 1):
            node = Node(self, await self.bridge.join(), number)
            self.nodes[node.name] = node
        self.aggregator = Aggregator(
            self.folder / "aggregator",
            receive={"tcp": self.receiver, "allow_from": ["127.0.0.0/8", self.bridge.network]},
            broker=self.broker_section,
            remediation=self._remediation,
        )
        await self._stack.enter_async_context(self.api)
        agent_check = Gate([], lambda node: self._check.format(node=node), "")
        gate = documented_gate(SERVICE, self._addresses(PAGES)) if self._gated else agent_check
        self.balancer = Balancer(
            self.folder / "haproxy",
            backends={"tcp": self._addresses(PLAIN), "tls": self._addresses(TLS)},
            check=gate.check,
            asks=gate.asks,
            beside=gate.beside,
        )
        self.direct = [self._direct(host) for host in DIRECT]
        self.external = self._external()
        self._stack.push_async_callback(self._kill)
        await self.broker.start()
        await self.aggregator.start()
        await self._together([node.relay for node in self.nodes.values()])
        await self.balancer.start()
        agents = [node.agent for node in self.nodes.values()]
        await self._together([*self.direct, self.external, *agents])

    def _addresses(self, port: int) -> dict[str, str]:
        return {node.name: f"{node.member.address}:{port}" for node in self.nodes.values()}

    def _direct(self, host: str) -> Agent:
        ca_file = str(self.authority.ca_file)
        endpoints: dict[str, Any] = {}
        for node in self.nodes.values():
            endpoints |= node.endpoints(ca_file, f"-node_{node.name}")
        place = Place(host, "internal", REGION, ZONES[0])
        return Agent(self.folder / host, place, broker=self.broker_section, endpoints=endpoints)

    def _external(self) -> Agent:
        balanced = {
            "tcp": f"127.0.0.1:{self.balancer.ports['tcp']}",
            "tls": {
                "address": f"127.0.0.1:{self.balancer.ports['tls']}",
                "ca_file": str(self.authority.ca_file),
            },
        }
        place = Place("canary-eu", "external", "eu-west-1", "eu-west-1a")
        return Agent(self.folder / place.host, place, broker=self.broker_section, endpoints=balanced)

    async def _together(self, processes: list[Process]) -> None:
        turn = asyncio.Semaphore(TOGETHER)

        async def start(process: Process) -> None:
            async with turn:
                await process.start()

        await asyncio.gather(*map(start, processes))

    async def _kill(self) -> None:
        processes: list[Process] = [self.balancer, self.external, *self.direct, self.aggregator]
        for node in self.nodes.values():
            processes += [node.agent, node.relay]
        for process in (*processes, self.broker):
            if process.running:
                await process.kill()

    async def told(self) -> list[Any]:
        """Every alert since the start, open or over."""
        alerts = await self.api.alerts()
        return [*alerts["open"], *alerts["recent"]]

    async def until_whole(self, deadline_s: float = 60) -> None:
        """Every series of every agent arrived for long enough that no node is held in for having just
        joined, and HAProxy has all servers."""
        size = len(self.nodes)
        by = size * (1 + len(DIRECT))
        await self.api.until_ready()
        whole = {"tcp": by + 1, "tls": by + 1, "udp": by}
        first = await self.api.until_whole(whole, deadline_s=deadline_s)
        await self.api.until_settled(first + SETTLING_SLOTS)
        await self.balancer.until_out((), 10)

    async def until_all_count(self) -> None:
        """No node counts as out any more: who came back does until a lease has passed, since somebody
        may not have heard of it."""

        async def count() -> bool:
            log = await self.api.get("/api/v1/remediation/log", limit="100")
            returns = [event["at"] for event in log["events"] if event["kind"] == "restored"]
            return float(log["now"]) - max(returns, default=0.0) > LEASE_S

        await self.api.until(count, LEASE_S + 10, "a lease has passed since the last return")


KEPT_S = 5.0
"""Within this a datapoint that was taken is kept."""


class Customer:
    """Somebody who delivers `per_s` datapoints a second through HAProxy, each on a connection of its
    own, and never twice. Use as an async context manager."""

    def __init__(self, pool: Pool, per_s: int = 20) -> None:
        self._port = pool.balancer.ports["tcp"]
        self._store = pool.store
        self._every_s = 1 / per_s
        self.sent: dict[int, float] = {}
        """When each of them was begun, by its number: wall time."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._running: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Customer:
        self._running = asyncio.create_task(self._run(), name="customer")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.finish()

    async def finish(self) -> None:
        """Sends no more; what is under way ends."""
        if self._running is not None and not self._running.done():
            self._running.cancel()
            await asyncio.wait([self._running])
        if self._tasks:
            await asyncio.wait(list(self._tasks))

    async def _run(self) -> None:
        number = 0
        while True:
            task = asyncio.create_task(self._send(number))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            number += 1
            await asyncio.sleep(self._every_s)

    async def _send(self, number: int) -> None:
        self.sent[number] = clock.wall()
        try:
            async with asyncio.timeout(5):
                _, writer = await asyncio.open_connection("127.0.0.1", self._port)
                writer.write(b"customer.%d 1 %d\n" % (number, int(clock.wall())))
                writer.close()
                await writer.wait_closed()
        except OSError:  # TimeoutError is one
            pass

    async def until_kept(self, since: float, until_: float) -> None:
        """Waits until all that were begun between these times have reached the store: a relay hands on
        what it has taken at a pace of its own."""

        async def kept() -> bool:
            return not self.lost(since, until_)

        await until(kept, deadline_s=KEPT_S, what="every datapoint of the customers is kept")

    def lost(self, since: float, until: float) -> list[int]:
        """The numbers of those that were begun between these times and never reached the store."""
        arrived = {int(number) for _, number in self._store.arrivals(rb"customer\.(\d+) ")}
        return [
            number for number, at in self.sent.items() if since <= at < until and number not in arrived
        ]
