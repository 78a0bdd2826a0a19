"""From the moment at which a node breaks to a balancer that spares it, and back.

    python -m benchmarks.drain_delay [--quick] [--json] [--check]

Everything is real, each node in a network namespace of its own (root, or a sudo that asks nothing):
three ingestion servers (carbon-c-relay) with Coalmine's agents behind HAProxy, an aggregator and
Mosquitto. A node breaks in five ways at a moment anywhere in a second. Customers send twenty datapoints
a second through HAProxy, each on a connection of its own and never twice; what of that is lost is
counted until the node gets no new work, and from then on. With `--quick` one node is killed, once.
"""

from __future__ import annotations

import asyncio
import random
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

from benchmarks.report import Options, Report, main, say
from coalmine_runtime import clock
from tests.conftest import Authority
from tests.e2e.pool import BREAKS, KEPT_S, Customer, Pool, remediation

ROUNDS = 4
WATCHED_S = 5.0
DRAINED_S, RETURNED_S = 10.0, 60.0
PATIENCE_S = 60.0
"""How long a delay is waited for before it counts as one of that length."""

WORDS = {
    "crash": "killed",
    "hang": "hung",
    "black_hole": "answers nothing",
    "lose_udp": "loses UDP without a word",
    "expire": "certificate ended",
}


class Break(NamedTuple):
    """Seconds until the node got no new work, and until it did again after it was mended; customers'
    datapoints lost before and after the first."""

    drained_s: float
    returned_s: float
    lost_before: int
    lost_after: int


async def _broken(pool: Pool, name: str, how: str) -> Break:
    node = pool.nodes[name]
    async with Customer(pool) as customer:
        await asyncio.sleep(random.random())
        began, began_at = clock.monotonic(), clock.wall()
        await getattr(node, how)()
        await pool.balancer.until_out([name], PATIENCE_S)
        drained_s, drained_at = clock.monotonic() - began, clock.wall()
        await asyncio.sleep(WATCHED_S)
        watched_at = clock.wall()
        await customer.finish()
        await asyncio.sleep(KEPT_S)  # what a relay has taken is kept by then
        before = len(customer.lost(began_at, drained_at))
        after = len(customer.lost(drained_at, watched_at))
    mended = clock.monotonic()
    await node.mend(how)
    await pool.balancer.until_out([], PATIENCE_S)
    returned_s = clock.monotonic() - mended
    await pool.api.until_quiet(2 * PATIENCE_S)
    return Break(drained_s, returned_s, before, after)


async def _run(options: Options) -> dict[str, list[Break]]:
    found: dict[str, list[Break]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        rules = remediation(forget="1s")  # or a node that breaks again is held longer each time
        async with Pool(folder, Authority(folder), 3, remediation=rules) as pool:
            await pool.until_whole()
            for how in BREAKS[:1] if options.quick else BREAKS * ROUNDS:
                each = await _broken(pool, "ingest02", how)
                found[how].append(each)
                say(f"{WORDS[how]}: out in {each.drained_s:.1f} s, back in {each.returned_s:.1f} s")
    return found


def run(options: Options) -> Report:
    """Breaks nodes, and reports the longest delays."""
    report = Report()
    for how, breaks in asyncio.run(_run(options)).items():
        longest = max(each.drained_s for each in breaks)
        report.add(f"{WORDS[how]}: gets no new work after", longest, "s", at_most=DRAINED_S)
        report.add("    lost until then", max(each.lost_before for each in breaks), "datapoints")
        report.add(
            "    and from then on", max(each.lost_after for each in breaks), "datapoints", at_most=0
        )
        back = max(each.returned_s for each in breaks)
        report.add("    once mended, back after", back, "s", at_most=RETURNED_S)
    report.note("Delays are the longest of each kind; a node must be seen to be well for 3 s.")
    return report


if __name__ == "__main__":
    sys.exit(main("Broken nodes behind HAProxy", run))
