"""A real fleet, and what is out of service in a real etcd: from the loss to the key and back.

Whatever dies, nobody stays out longer than a lease.
"""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from coalmine_aggregator.demo.ports import free_port
from tests.e2e.fleet import SERVICE, Agent, Aggregator, Place
from tests.servers.carbon_c_relay import CarbonCRelay
from tests.servers.etcd import Etcd
from tests.servers.process import Process
from tests.servers.sink import Sink
from tests.servers.waiting import until

NODES = ("ingest01", "ingest02", "ingest03")
LEASE_S = 5.0
FOLDER = "coalmine/withdrawn/"


class Small:
    """Three ingestion servers with an agent each, an agent beside them, an aggregator, an etcd."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.etcd = Etcd(folder / "etcd")
        self.store = Sink("127.0.0.1")
        receiver = f"127.0.0.1:{free_port()}"
        self.aggregator = Aggregator(
            folder / "aggregator",
            receive={"tcp": receiver},
            remediation={
                "services": [SERVICE],
                "dry_run": False,
                "floor": 2,
                "per_minute": 10,
                "recovery": "3s",
                "hold": "3s",
                "drain": "2s",
                "lease": f"{LEASE_S:g}s",
                "outputs": {"etcd": self.reached(), "http_sd": {"domain": ".example"}},
            },
        )
        self.relays = {
            name: CarbonCRelay(folder / name / "relay", aggregator=receiver, store=self.store.address)
            for name in NODES
        }
        addresses = {name: f"127.0.0.1:{relay.port}" for name, relay in self.relays.items()}
        broker = {"url": f"mqtt://127.0.0.1:{self.aggregator.mqtt_port}"}
        own = [
            Agent(
                folder / name,
                Place(name, "on-machine", "dc1", "dc1-a"),
                broker=broker,
                endpoints={"tcp": addresses[name], "udp": addresses[name]},
            )
            for name in NODES
        ]
        beside = Agent(
            folder / "canary",
            Place("canary", "internal", "dc1", "dc1-b"),
            broker=broker,
            endpoints={
                f"{protocol}-node_{name}": address
                for name, address in addresses.items()
                for protocol in ("tcp", "udp")
            },
        )
        self.agents = [*own, beside]

    def reached(self) -> dict[str, Any]:
        """The aggregator's section of etcd."""
        register = {"aggregator": "127.0.0.1:9464", "agents": "{host}.example:9105"}
        return {"endpoints": [self.etcd.url], "register": register}

    async def serving(self) -> list[str] | None:
        """Who is told to Prometheus; None where that is not known."""
        status, body = await self.aggregator.api.text(f"/api/v1/sd/{SERVICE}?port=9100")
        if status != 200:
            return None
        return [name for name in NODES if f"{name}.example:9100" in body]

    async def until_out(self, *nodes: str, deadline_s: float = 30) -> None:
        """Until etcd says exactly that."""
        wanted = [f"{FOLDER}{SERVICE}/{node}" for node in nodes]

        async def so() -> bool:
            return list(await self.etcd.keys(FOLDER)) == wanted

        explain = self.aggregator.tail
        await until(so, deadline_s=deadline_s, what=f"out are {nodes}", explain=explain)

    async def until_serving(self, *nodes: str) -> None:
        """Until Prometheus would be told exactly these."""

        async def so() -> bool:
            return await self.serving() == list(nodes)

        await until(so, deadline_s=30, what=f"{nodes} serve", explain=self.aggregator.tail)

    async def __aenter__(self) -> Small:
        self._stack = AsyncExitStack()
        try:
            await self._stack.enter_async_context(self.store)
            await self._stack.enter_async_context(self.aggregator.api)
            processes: list[Process] = [self.etcd, self.aggregator, *self.relays.values(), *self.agents]
            for process in processes:
                self._stack.push_async_callback(process.kill)
                await process.start()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()


@pytest.mark.prove
async def test_a_node_is_out_in_etcd_and_comes_back_whatever_dies(tmp_path: Path) -> None:
    async with Small(tmp_path) as small:
        api, etcd, broken = small.aggregator.api, small.etcd, small.relays["ingest02"]
        assert await small.serving() is None, "nobody knows who serves at a start"
        await api.until_ready()
        await api.until_whole({"tcp": 6, "udp": 6}, deadline_s=40)
        await small.until_serving(*NODES)

        await broken.kill()
        await small.until_out("ingest02")
        await small.until_serving("ingest01", "ingest03")

        await etcd.kill()
        await etcd.start()
        await small.until_out("ingest02")

        await broken.start()
        await small.until_out(deadline_s=60)
        await small.until_serving(*NODES)
        registered = [key.split("/")[2:4] for key in await etcd.keys("coalmine/metrics/")]
        agents = [["agent", name] for name in sorted(["canary", *NODES])]
        assert registered == [*agents, ["aggregator", "aggregator"]]

        await broken.kill()
        await small.until_out("ingest02")
        await small.aggregator.kill()
        await small.until_out(deadline_s=LEASE_S + 1)
