"""An agent for measurements: the real runner; its reports are encoded and thrown away.

Reads one JSON object from its argument: `protocols` and `ports` (one an endpoint each), `ca_file`, and
`punctuality` if starts and deadlines are to be recorded. Runs until its standard input ends, then
prints one JSON object with its counters.
"""

from __future__ import annotations

import asyncio
import json
import os
import ssl
import sys
from array import array
from typing import Any

import uvloop

from coalmine_agent.plan import EndpointPlan, TlsPlan
from coalmine_agent.resolver import Resolver
from coalmine_agent.runner import Runner
from coalmine_runtime import clock, logs
from coalmine_wire.protocols import Protocol
from coalmine_wire.reports import Report, SlotReport, encode
from coalmine_wire.slots import phases_ms


class Punctuality:
    """Every start and every abandonment: when, and how far off."""

    def __init__(self) -> None:
        self.starts, self.deadlines = array("d"), array("d")

    def started(self, mono: float, late_s: float) -> None:
        self.starts.extend((mono, late_s))

    def expired(self, mono: float, over_s: float) -> None:
        self.deadlines.extend((mono, over_s))


async def main(job: dict[str, Any]) -> dict[str, Any]:
    """Runs the job."""
    protocols = [Protocol(name) for name in job["protocols"]]
    phases = phases_ms("benchmark", len(protocols))
    tls = TlsPlan(ssl.create_default_context(cafile=job["ca_file"]), "localhost")
    plans = [
        EndpointPlan(
            service="ingest",
            protocol=protocol,
            variant=f"v{index}",
            host="127.0.0.1",
            port=port,
            series_name=f"canary.ingest.external.eu-west-1.eu-west-1a.host.{protocol}-v{index}",
            phase_ms=phases[index],
            tls=tls if protocol.over_tls else None,
            path="/api/v1/sink",
            authorization="Basic a2V5Og==",
        )
        for index, (protocol, port) in enumerate(zip(protocols, job["ports"], strict=True))
    ]
    loop = asyncio.get_running_loop()
    out = os.open("/dev/null", os.O_WRONLY)
    impaired: dict[str, int] = {}
    verdicts: dict[str, int] = {}

    def on_slot(revision: int, report: SlotReport) -> None:
        message = Report(
            agent="host", boot="b", revision=revision, sent_at=clock.wall(), slots=[report]
        )
        os.write(out, encode(message))
        for reason in report.impaired:
            impaired[reason] = impaired.get(reason, 0) + 1
        if job.get("verdicts"):
            for outcome in report.outcomes:
                key = f"{protocols[outcome.endpoint]} {outcome.verdict.name} {outcome.error}"
                verdicts[key] = verdicts.get(key, 0) + 1

    punctuality = Punctuality() if job.get("punctuality") else None
    runner = Runner(plans, on_slot=on_slot, resolver=Resolver(), watch=punctuality)
    first = runner.start()
    print(json.dumps({"first": first}), flush=True)
    ended = asyncio.Event()
    loop.add_reader(sys.stdin.fileno(), ended.set)
    await ended.wait()
    loop.remove_reader(sys.stdin.fileno())
    last = await runner.finish()
    counters = runner.counters
    result: dict[str, Any] = {
        "slots": last - first + 1,
        "reported": counters.slots,
        "missed": counters.missed,
        "sent": counters.sent,
        "failed": counters.failed,
        "abandoned": counters.abandoned,
        "skipped": counters.skipped,
        "impaired": impaired,
        "verdicts": verdicts,
    }
    if punctuality is not None:
        result["starts"] = list(punctuality.starts)
        result["deadlines"] = list(punctuality.deadlines)
    return result


if __name__ == "__main__":
    logs.set_up(level="error")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as loop_runner:
        print(json.dumps(loop_runner.run(main(json.loads(sys.argv[1])))))
