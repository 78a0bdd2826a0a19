"""Everything of ours killed behind a pool's back: HAProxy has all of its servers again."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from tests.conftest import Authority
from tests.e2e.fleet import Agent
from tests.e2e.pool import LEASE_S, Pool, remediation
from tests.e2e.test_haproxy_pool import DRAINED_S
from tests.e2e.test_haproxy_pool_long import CHECK_S
from tests.servers.etcd import Etcd

pytestmark = [pytest.mark.prove, pytest.mark.timeout(300)]

RESTART_S = 2.0
"""When systemd starts an agent again that was killed, by its unit."""


@contextlib.asynccontextmanager
async def kept_alive(agents: list[Agent]) -> AsyncIterator[None]:
    """Starts agents again that end, as their unit has it."""

    async def keep(agent: Agent) -> None:
        while True:
            await agent.wait(3600)
            await asyncio.sleep(RESTART_S)
            await agent.start()

    tasks = [asyncio.create_task(keep(agent)) for agent in agents]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        for task in tasks:
            if not task.cancelled():
                task.result()


@pytest.mark.parametrize(("seed", "gated"), [(0, False), (1, False), (2, False), (1, True), (2, True)])
async def test_whatever_of_ours_is_killed_the_pool_is_full_again_within_a_lease(
    tmp_path: Path, authority: Authority, seed: int, gated: bool
) -> None:
    """Where agents answer HAProxy's agent-checks, their unit starts them again. Through the gate they
    stay dead."""
    etcd = Etcd(tmp_path / "etcd")
    outputs = {"nodes": {}, "etcd": {"endpoints": [etcd.url]}}
    rules = remediation(outputs=outputs)
    try:
        await etcd.start()
        async with Pool(tmp_path, authority, 3, remediation=rules, gated=gated) as pool:
            await pool.until_whole()
            agents = [node.agent for node in pool.nodes.values()]

            async def kill_agents() -> None:
                for agent in agents:
                    await agent.kill()

            kills: list[Callable[[], Awaitable[None]]] = [
                pool.aggregator.kill,
                pool.broker.kill,
                etcd.kill,
                kill_agents,
            ]
            random.Random(seed).shuffle(kills)
            await pool.nodes["ingest02"].lose_udp()
            await pool.balancer.until_out(["ingest02"], DRAINED_S)
            async with contextlib.nullcontext() if gated else kept_alive(agents):
                for kill in kills:
                    await kill()
                await pool.balancer.until_out([], LEASE_S + CHECK_S)
            assert not pool.aggregator.running
            assert not pool.broker.running
            assert not gated or not any(agent.running for agent in agents)
    finally:
        if etcd.running:
            await etcd.kill()
