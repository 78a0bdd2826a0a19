"""The big switch while no aggregator runs: a real pool behind HAProxy and real etcd are told, and
whoever starts later stays stopped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.cli.running import Done, run
from tests.conftest import Authority
from tests.e2e.fleet import SERVICE
from tests.e2e.pool import Pool, remediation
from tests.servers.etcd import Etcd
from tests.servers.waiting import until

LEASE = "30s"
"""Longer than a word of ours takes: nobody comes back by it before."""

TOLD_S = 12.0
"""A word of ours is everywhere within this: nodes hear it at once, HAProxy asks each second."""

DECIDED_S = 60.0
"""After a start nobody is withdrawn before all that was said has ended: that is a lease."""


class Story:
    """The pool with etcd beside it, and the command as an operator has it on the aggregator's host."""

    def __init__(self, pool: Pool, etcd: Etcd) -> None:
        self.pool = pool
        self.etcd = etcd

    async def coalmine(self, *words: str) -> Done:
        """`coalmine remediation ...`, which must succeed."""
        done = await run("remediation", *words, COALMINE_URL=self.pool.api.url)
        assert done.code == 0, done
        return done

    async def until_out(self, *names: str, deadline_s: float = TOLD_S) -> None:
        """HAProxy and etcd hold these to be out, and nobody else."""
        await self.pool.balancer.until_out(names, deadline_s)
        wanted = [f"coalmine/withdrawn/{SERVICE}/{name}" for name in names]

        async def told() -> bool:
            return list(await self.etcd.keys("coalmine/withdrawn/")) == wanted

        await until(told, deadline_s=deadline_s, what=f"etcd has {wanted}", explain=self.etcd.tail)

    async def state(self) -> dict[str, Any]:
        """What the aggregator tells."""
        found: dict[str, Any] = await self.pool.api.get("/api/v1/remediation")
        return found


@pytest.mark.prove
@pytest.mark.timeout(300)
async def test_a_stop_needs_no_aggregator_and_outlives_its_start(
    tmp_path: Path, authority: Authority
) -> None:
    etcd = Etcd(tmp_path / "etcd")
    await etcd.start()
    try:
        outputs = {"nodes": {}, "etcd": {"endpoints": [etcd.url]}}
        rules = remediation(outputs=outputs, lease=LEASE)
        async with Pool(tmp_path, authority, 3, remediation=rules) as pool:
            await pool.until_whole()
            story = Story(pool, etcd)
            config = str(pool.folder / "aggregator" / "aggregator.yaml")
            await story.coalmine("pin", SERVICE, "ingest02", "out", "--why", "new disks")
            await story.until_out("ingest02", deadline_s=DECIDED_S)

            await pool.aggregator.kill()
            done = await story.coalmine("stop", "--why", "it flaps", "--config", config)
            await story.until_out()
            assert "nodes: told that nobody is out" in done.out
            assert "etcd: told that nobody is out" in done.out

            await pool.aggregator.start()
            await pool.api.until_ready()

            async def knows() -> bool:
                return bool((await story.state())["services"][0]["nodes_total"])

            await until(knows, deadline_s=DECIDED_S, what="the nodes are known")
            state = await story.state()
            assert (state["mode"], state["stopped"]["why"]) == ("stopped", "it flaps")
            assert [pin["node"] for pin in state["pins"]] == ["ingest02"], "which stands, and waits"
            assert state["services"][0]["withdrawn"] == []
            await story.until_out()

            # What kept it in was the stop: without it, it goes out again.
            await story.coalmine("resume")
            await story.until_out("ingest02", deadline_s=DECIDED_S)
            done = await story.coalmine("stop", "--why", "enough")
            assert done.out.startswith("Stopped by local")
            await story.until_out()
    finally:
        await etcd.kill()
