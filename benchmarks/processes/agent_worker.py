"""An agent for measurements: the real runner; its reports are encoded and thrown away.

Reads one JSON object from its argument: `protocols` and `ports` (one an endpoint each), `ca_file`, and
`punctuality`, a folder, if starts and deadlines are to be recorded there (pairs of doubles: when, and
how far off, in seconds). Runs until its standard input ends, then prints its counters as JSON.
"""

from __future__ import annotations

import asyncio
import json
import os
import ssl
import sys
from array import array
from pathlib import Path
from typing import Any

import uvloop

from coalmine_agent.plan import EndpointPlan, TlsPlan
from coalmine_agent.resolver import Resolver
from coalmine_agent.runner import Runner
from coalmine_runtime import clock, logs
from coalmine_wire.protocols import Protocol
from coalmine_wire.reports import Report, SlotReport, Verdict, encode
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
    skipped: dict[str, int] = {}

    def on_slot(revision: int, report: SlotReport) -> None:
        message = Report(
            agent="host", boot="b", revision=revision, sent_at=clock.wall(), slots=[report]
        )
        os.write(out, encode(message))
        for reason in report.impaired:
            impaired[reason] = impaired.get(reason, 0) + 1
        for outcome in report.outcomes:
            if outcome.verdict is Verdict.SKIPPED:
                skipped[outcome.error] = skipped.get(outcome.error, 0) + 1

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
        "impaired": impaired,
        "skipped": skipped,
    }
    if punctuality is not None:
        for name in ("starts", "deadlines"):
            with (Path(job["punctuality"]) / name).open("wb") as file:
                getattr(punctuality, name).tofile(file)
    return result


if __name__ == "__main__":
    logs.set_up(level="error")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as loop_runner:
        print(json.dumps(loop_runner.run(main(json.loads(sys.argv[1])))))
