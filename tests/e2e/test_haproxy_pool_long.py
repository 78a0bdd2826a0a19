"""Longer proofs of a pool behind HAProxy: every way to break, many nodes, nodes that flap."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from coalmine_runtime import clock
from tests.conftest import Authority
from tests.e2e.pool import BREAKS, Pool, remediation
from tests.e2e.test_haproxy_pool import DRAINED_S, RETURNED_S, broken_and_back

pytestmark = [pytest.mark.prove, pytest.mark.timeout(900)]

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
            await pool.until_all_count()


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
    rules = remediation(hold="10s")
    async with Pool(tmp_path, authority, 3, remediation=rules) as pool:
        await pool.until_whole()
        node = pool.nodes["ingest02"]
        held: list[float] = []
        for _ in range(3):
            await node.crash()
            await pool.balancer.until_out([node.name], DRAINED_S)
            began = clock.monotonic()
            await node.mend("crash")
            await pool.balancer.until_out([], 10 * 2 ** len(held) + RETURNED_S)
            held.append(clock.monotonic() - began)
    # 10 s, 20 s, 40 s, from the withdrawal on, less what HAProxy took to hear of it.
    for index, seconds in enumerate(held):
        assert 10 * 2**index - CHECK_S < seconds < 10 * 2**index + RETURNED_S, held
