"""A real pool behind a real HAProxy: who is broken is taken out within seconds, and comes back."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from coalmine_runtime import clock
from tests.conftest import Authority
from tests.e2e.pool import Customer, Pool, remediation

DRAINED_S = 10.0
"""A node that broke gets no new connection within this."""

UNHARMED_S = 3.0
"""How long customers are watched after that."""

RETURNED_S = 40.0
"""The pool is whole again within this of a node's recovery: it must be seen to be well for a while."""


async def broken_and_back(pool: Pool, name: str, how: str) -> None:
    """One node breaks in one way and is mended; what customers and HAProxy see of it is asserted."""
    node = pool.nodes[name]
    async with Customer(pool) as customer:
        began = clock.monotonic()
        await getattr(node, how)()
        await pool.balancer.until_out([name], DRAINED_S - (clock.monotonic() - began))
        drained = clock.wall()
        await asyncio.sleep(UNHARMED_S)
        watched = clock.wall()
        await customer.finish()
        await customer.until_kept(drained, watched)
    await node.mend(how)
    await pool.balancer.until_out([], RETURNED_S)


@pytest.mark.parametrize("how", ["crash", "lose_udp"])
async def test_a_broken_node_is_drained_and_comes_back(
    tmp_path: Path, authority: Authority, how: str
) -> None:
    async with Pool(tmp_path, authority, 3, remediation=remediation()) as pool:
        await pool.until_whole()
        await broken_and_back(pool, "ingest02", how)


async def test_the_aggregator_answers_for_all_nodes_and_its_start_brings_all_back(
    tmp_path: Path, authority: Authority
) -> None:
    async with Pool(tmp_path, authority, 3, remediation=remediation(), central=True) as pool:
        await pool.until_whole()
        await pool.nodes["ingest02"].crash()
        await pool.balancer.until_out(["ingest02"], DRAINED_S)
        await pool.aggregator.kill()
        await pool.aggregator.start()
        await pool.balancer.until_out([], 5)


async def test_half_of_a_pool_is_left_alone_and_one_page_tells_of_it(
    tmp_path: Path, authority: Authority
) -> None:
    async with Pool(tmp_path, authority, 4, remediation=remediation()) as pool:
        await pool.until_whole()
        await asyncio.gather(pool.nodes["ingest01"].crash(), pool.nodes["ingest03"].crash())
        await pool.api.until_alert(severity="page")
        end = clock.monotonic() + 15
        while clock.monotonic() < end:
            assert await pool.balancer.out() == set()
            await asyncio.sleep(0.2)
        pages = [each for each in await pool.told() if each["severity"] == "page"]
        assert len(pages) == 1, pages
        state = await service_state(pool)
        assert state["withdrawn"] == []


async def service_state(pool: Pool) -> Mapping[str, Any]:
    """What the aggregator wants for the service."""
    answer = await pool.api.get("/api/v1/remediation")
    (found,) = answer["services"]
    state: Mapping[str, Any] = found
    return state
