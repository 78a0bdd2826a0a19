"""The pool's processes: started in order, broken on purpose, and mended."""

from __future__ import annotations

import asyncio
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path

from coalmine_aggregator.demo.children import Child
from coalmine_aggregator.demo.configs import Wiring, agent_config, aggregator_config
from coalmine_aggregator.demo.fleet import Member
from coalmine_aggregator.demo.pool import configs
from coalmine_aggregator.demo.pool.acts import Act
from coalmine_aggregator.demo.pool.customers import Customers
from coalmine_aggregator.demo.pool.layout import DIRECT, NAMES, NODES, OUTSIDE, NodePorts
from coalmine_aggregator.demo.ports import HOST, free_port
from coalmine_aggregator.demo.stage import (
    ANSWER_S,
    COALMINE,
    START_S,
    DemoError,
    Stage,
    heard,
    say,
    within,
)

NODE_ARGV = (sys.executable, "-m", "coalmine_aggregator.demo.pool.node")
BALANCER_ARGV = (sys.executable, "-m", "coalmine_aggregator.demo.pool.balancer")


class Grounds:
    """Everything that a game day needs, on `stage`; the aggregator's page is at `web_port`."""

    def __init__(self, stage: Stage, folder: Path, web_port: int) -> None:
        self.ports: Mapping[str, NodePorts] = {
            name: NodePorts(free_port(), free_port()) for name in NAMES
        }
        self.broken: dict[str, str] = {}
        """How nodes are broken now, by their names."""
        self._balancer_port = free_port()
        self.customers = Customers(self._balancer_port)
        self._stage = stage
        self._folder = folder
        self._web_port = web_port
        self._nodes: dict[str, Child] = {}
        self._wiring: Wiring | None = None

    async def start_aggregator(self) -> None:
        """Starts it; it takes a moment to be ready."""
        wiring = self._wiring = Wiring(
            web_port=self._web_port,
            broker_port=free_port(),
            receive_port=free_port(),
            broker_password=secrets.token_urlsafe(18),
            pager_url=await self._stage.pager.start(),
            pager_secret=self._stage.pager.secret,
        )
        text = aggregator_config(wiring, self._folder, configs.REMEDIATION)
        config = self._stage.write("aggregator.yaml", text)
        await self._stage.start("aggregator", (*COALMINE, "aggregator", "run", str(config)))

    async def start_pool(self) -> Child:
        """Starts the nodes and the balancer, which is returned."""
        await self.customers.open()
        for name in NAMES:
            await self._start_node(name)
        nodes = [f"{name}={ports.lines}/{ports.check}" for name, ports in self.ports.items()]
        argv = (*BALANCER_ARGV, str(self._balancer_port), *nodes)
        return await self._stage.start("balancer", argv, piped=True)

    async def start_agents(self) -> None:
        """Starts those on the nodes, those beside them, and those outside."""
        for node in NODES:
            ports = self.ports[node.host]
            await self._start_agent(node, configs.own_endpoints(ports), configs.health(ports))
        for member in DIRECT:
            await self._start_agent(member, configs.direct_endpoints(self.ports))
        for member in OUTSIDE:
            await self._start_agent(member, configs.balanced_endpoints(self._balancer_port))

    async def break_(self, act: Act) -> None:
        """Breaks all nodes of the act at once."""
        self.broken |= dict.fromkeys(act.nodes, act.how)
        await asyncio.gather(*(self._break_node(name, act.how) for name in act.nodes))

    async def mend(self) -> None:
        """Everything runs again as it should."""
        for name, how in self.broken.items():
            if how == "kill":
                await self._start_node(name)
            else:
                await self._lose(name, "")
        self.broken.clear()

    async def _break_node(self, name: str, how: str) -> None:
        if how == "kill":
            await self._stage.kill(self._nodes[name])
        else:
            await self._lose(name, how)

    async def _start_node(self, name: str) -> None:
        assert self._wiring is not None
        argv = (
            *NODE_ARGV,
            str(self.ports[name].lines),
            f"{HOST}:{self._wiring.receive_port}",
            f"{HOST}:{self.customers.store_port}",
        )
        node = self._nodes[name] = await self._stage.start(name, argv, piped=True)
        await within(START_S, heard(node), f"{name} does not start")

    async def _lose(self, name: str, what: str) -> None:
        say(self._nodes[name], what)
        answer = await within(ANSWER_S, heard(self._nodes[name]), f"{name} does not answer")
        if "error" in answer:
            raise DemoError(f"{name}: {answer['error']}")

    async def _start_agent(
        self,
        member: Member,
        endpoints: Mapping[str, object],
        health: Mapping[str, object] | None = None,
    ) -> None:
        assert self._wiring is not None
        # Beside the log of the node of the same name.
        name = f"agent-{member.host}"
        config = self._stage.write(
            f"{name}.yaml", agent_config(member, self._wiring, endpoints, health)
        )
        await self._stage.start(name, (*COALMINE, "agent", "run", str(config)), agent=True)
