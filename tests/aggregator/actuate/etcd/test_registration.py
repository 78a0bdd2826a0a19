"""Who can be scraped, told in a real etcd and written for Prometheus."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from coalmine_aggregator.actuate.etcd import file_sd as file_sd_module
from coalmine_aggregator.actuate.etcd import registration as registration_module
from coalmine_aggregator.actuate.etcd.client import EtcdClient
from coalmine_aggregator.actuate.etcd.file_sd import FileSd
from coalmine_aggregator.actuate.etcd.metrics_target import TargetTemplate
from coalmine_aggregator.actuate.etcd.registration import Registration
from coalmine_aggregator.actuate.etcd.settings import RegisterSettings
from coalmine_aggregator.model.views import AgentStatus, AgentView
from coalmine_runtime.quantities import Address
from tests.aggregator.actuate.etcd.etcd_reach import reach
from tests.servers.etcd import Etcd
from tests.servers.waiting import until

FOLDER = "coalmine/metrics/"


def agent(name: str, status: AgentStatus = AgentStatus.ALIVE) -> AgentView:
    return AgentView(
        agent=name,
        location="on-machine",
        region="eu",
        zone="eu-a",
        host=name,
        boot="b",
        version="1",
        status=status,
        last_slot=None,
        impaired=(),
        offset_s=None,
        endpoints=1,
        expected_60s=0,
        received_60s=0,
        unknown_60s={},
    )


class Fleet:
    """`agents` are those that the aggregator knows of, None just after its start."""

    def __init__(self, *agents: AgentView) -> None:
        self.agents: Sequence[AgentView] | None = agents

    def known(self) -> Sequence[AgentView] | None:
        return self.agents


@asynccontextmanager
async def registering(etcd: Etcd, fleet: Fleet, name: str = "agg-a") -> AsyncIterator[None]:
    register = RegisterSettings(
        aggregator=Address("127.0.0.1", 9464), agents=TargetTemplate.parse("{host}.example:9105")
    )
    task = asyncio.create_task(
        Registration(reach(etcd.url, register=register), name, fleet.known).run()
    )
    try:
        yield
        assert not task.done()
    finally:
        task.cancel()
        await asyncio.wait([task])


async def until_registered(etcd: Etcd, *names: str) -> None:
    async def so() -> bool:
        return [key.removeprefix(FOLDER) for key in await etcd.keys(FOLDER)] == sorted(names)

    await until(so, deadline_s=15.0, what=f"registered are {names}", explain=etcd.tail)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registration_module, "EVERY_S", 0.2)
    monkeypatch.setattr(registration_module, "TTL_S", 3)
    monkeypatch.setattr(file_sd_module, "EVERY_S", 0.2)


async def test_all_that_are_not_retired_and_ourselves(etcd: Etcd) -> None:
    fleet = Fleet(agent("web-1"), agent("web-2", AgentStatus.MISSING), agent("odd/name"))
    async with registering(etcd, fleet):
        await until_registered(etcd, "agent/web-1/agg-a", "agent/web-2/agg-a", "aggregator/agg-a/agg-a")
        value = json.loads((await etcd.keys(FOLDER))[f"{FOLDER}agent/web-1/agg-a"])
        assert value == {
            "target": "web-1.example:9105",
            "location": "on-machine",
            "region": "eu",
            "zone": "eu-a",
            "host": "web-1",
        }
        moved = dataclasses.replace(agent("web-1"), zone="eu-b")
        fleet.agents = (moved, agent("web-2", AgentStatus.RETIRED), agent("web-3"))
        await until_registered(etcd, "agent/web-1/agg-a", "agent/web-3/agg-a", "aggregator/agg-a/agg-a")
        assert b"eu-b" in (await etcd.keys(FOLDER))[f"{FOLDER}agent/web-1/agg-a"]
        await etcd.kill()
        await etcd.start()
        fleet.agents = (agent("web-4"),)
        await until_registered(etcd, "agent/web-4/agg-a", "aggregator/agg-a/agg-a")
    await until_registered(etcd)


async def test_two_tell_of_the_same_agents_without_being_in_each_other_s_way(etcd: Etcd) -> None:
    fleet = Fleet(agent("web-1"))
    async with registering(etcd, fleet, "agg-a"):
        async with registering(etcd, fleet, "agg-b"):
            ours = ["agent/web-1/agg-a", "aggregator/agg-a/agg-a"]
            await until_registered(etcd, *ours, "agent/web-1/agg-b", "aggregator/agg-b/agg-b")
        await until_registered(etcd, *ours)


async def test_a_thousand_agents_and_the_aggregator_comes_last(etcd: Etcd) -> None:
    fleet = Fleet(*(agent(f"web-{number}") for number in range(1000)))
    async with registering(etcd, fleet):

        async def whole() -> bool:
            keys = await etcd.keys(FOLDER)
            if f"{FOLDER}aggregator/agg-a/agg-a" in keys:
                assert len(keys) == 1001
                return True
            return False

        await until(whole, deadline_s=20.0, what="the aggregator is registered")


async def test_a_file_that_keeps_its_list_when_nothing_is_known(etcd: Etcd, tmp_path: Path) -> None:
    path, fleet = tmp_path / "targets.json", Fleet()
    fleet.agents = None

    def hosts() -> list[str]:
        return [group["targets"][0] for group in json.loads(path.read_text())]

    async def until_hosts(*names: str) -> None:
        async def so() -> bool:
            return path.exists() and hosts() == list(names)

        await until(so, deadline_s=15.0, what=f"the file has {names}")

    async with EtcdClient.opened(reach(etcd.url)) as client:
        file = FileSd(client, "coalmine", path)
        with pytest.raises(ValueError, match="no aggregator says"):
            await file.refresh()
        task = asyncio.create_task(file.run())
        async with registering(etcd, fleet):
            await asyncio.sleep(1.0)
            assert not path.exists(), "an aggregator that knows of nobody yet says nothing"
            fleet.agents = (agent("web-1"), agent("web-2"))
            await until_hosts("web-1.example:9105", "web-2.example:9105", "127.0.0.1:9464")
            fleet.agents = (agent("web-1"),)
            await until_hosts("web-1.example:9105", "127.0.0.1:9464")
        await until_registered(etcd)  # the aggregator is gone, and its keys with it
        await asyncio.sleep(1.0)
        assert hosts() == ["web-1.example:9105", "127.0.0.1:9464"]
        await etcd.kill()
        await asyncio.sleep(1.0)
        assert hosts() == ["web-1.example:9105", "127.0.0.1:9464"]
        assert not task.done()
        task.cancel()
        await asyncio.wait([task])
