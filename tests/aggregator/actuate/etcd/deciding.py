"""An aggregator's output in a process of its own, so that it can be killed or cut off.

python -m tests.aggregator.actuate.etcd.deciding URL,... LEASE_S NODE,...
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from coalmine_aggregator.actuate.etcd.output import EtcdOutput
from coalmine_runtime import logs
from tests.aggregator.actuate.etcd.etcd_reach import reach
from tests.aggregator.actuate.words import word, words
from tests.servers.namespace import Namespace
from tests.servers.process import Process

ROOT = Path(__file__).resolve().parents[4]


class Deciding(Process):
    """Wants `nodes` to be out, once a second, as an aggregator does."""

    def __init__(
        self,
        log: Path,
        urls: list[str],
        lease_s: float,
        *nodes: str,
        namespace: Namespace | None = None,
    ) -> None:
        argv = [sys.executable, "-m", __name__, ",".join(urls), str(lease_s), ",".join(nodes)]
        super().__init__(namespace.command(argv) if namespace else argv, log=log, cwd=ROOT)


async def decide(urls: list[str], lease_s: float, nodes: list[str]) -> None:
    """Until it is killed. Says on standard output whenever something changed."""
    output = EtcdOutput(reach(*urls), "agg-a")
    task = asyncio.create_task(output.run())
    said = ""
    while not task.done():
        output.show(words(word(*nodes, lease_s=lease_s, nodes=(*nodes, "web-8", "web-9"))))
        standing = output.standing()
        now = f"out={standing.out} trouble={standing.trouble}"
        if now != said:
            print(now, flush=True)
        said = now
        await asyncio.sleep(1.0)
    task.result()


if __name__ == "__main__":
    logs.set_up()
    asyncio.run(decide(sys.argv[1].split(","), float(sys.argv[2]), sys.argv[3].split(",")))
