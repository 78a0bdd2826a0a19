"""Longer proofs of a pool behind HAProxy: many nodes, nodes that flap, everything of ours killed."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from coalmine_runtime import clock
from tests.conftest import Authority
from tests.e2e.fleet import Agent
from tests.e2e.pool import BREAKS, Pool, remediation
from tests.e2e.test_haproxy_pool import DRAINED_S, RETURNED_S, broken_and_back
from tests.servers.etcd import Etcd

pytestmark = [pytest.mark.prove, pytest.mark.timeout(900)]

LEASE_S = 10.0

RESTART_S = 2.0
"""When systemd starts an agent again that was killed, by its unit."""

CHECK_S = 2.0
"""HAProxy asks every second, and takes up to half of one to hear."""


@pytest.mark.parametrize("size", [3, 20])
async def test_one_of_many_nodes_in_each_of_five_ways(
    tmp_path: Path, authority: Authority, size: int
) -> None:
    async with Pool(tmp_path, authority, size, remediation=remediation()) as pool:
        await pool.until_whole(120)
        names = list(pool.nodes)
        for number, how in enumerate(BREAKS):
            await broken_and_back(pool, names[number * max(1, size // 6) % size], how)
            await pool.api.until_quiet()


async def test_half_of_twenty_nodes_are_left_alone_and_one_page_tells_of_it(
    tmp_path: Path, authority: Authority
) -> None:
    async with Pool(tmp_path, authority, 20, remediation=remediation()) as pool:
        await pool.until_whole(120)
        await asyncio.gather(*(node.crash() for node in list(pool.nodes.values())[::2]))
        await pool.api.until_alert(severity="page")
        end = clock.monotonic() + 30
        while clock.monotonic() < end:
            assert await pool.balancer.out() == set()
            await asyncio.sleep(0.2)
        pages = [each for each in await pool.told() if each["severity"] == "page"]
        assert len(pages) == 1, pages


async def test_who_flaps_is_held_longer_each_time(tmp_path: Path, authority: Authority) -> None:
    rules = remediation(hold="15s")
    async with Pool(tmp_path, authority, 3, remediation=rules) as pool:
        await pool.until_whole()
        node = pool.nodes["ingest02"]
        held: list[float] = []
        for _ in range(3):
            await node.crash()
            await pool.balancer.until_out([node.name], DRAINED_S)
            began = clock.monotonic()
            await node.mend("crash")
            await pool.balancer.until_out([], 15 * 2 ** len(held) + RETURNED_S)
            held.append(clock.monotonic() - began)
    # 15 s, 30 s, 60 s, from the withdrawal on, less what HAProxy took to hear of it.
    for index, seconds in enumerate(held):
        assert 15 * 2**index - CHECK_S < seconds < 15 * 2**index + RETURNED_S, held


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


@pytest.mark.parametrize("seed", range(3))
async def test_whatever_of_ours_is_killed_the_pool_is_full_again_within_a_lease(
    tmp_path: Path, authority: Authority, seed: int
) -> None:
    etcd = Etcd(tmp_path / "etcd")
    outputs = {"nodes": {}, "etcd": {"endpoints": [etcd.url]}}
    rules = remediation(lease=f"{LEASE_S:g}s", outputs=outputs)
    try:
        await etcd.start()
        async with Pool(tmp_path, authority, 3, remediation=rules) as pool:
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
            await pool.nodes["ingest02"].crash()
            await pool.balancer.until_out(["ingest02"], DRAINED_S)
            async with kept_alive(agents):
                for kill in kills:
                    await kill()
                await pool.balancer.until_out([], LEASE_S + CHECK_S)
            assert not pool.aggregator.running
            assert not pool.broker.running
    finally:
        if etcd.running:
            await etcd.kill()
