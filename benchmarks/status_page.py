"""What the public status page bears: a thousand readers a second on one core, the aggregator killed.

    python -m benchmarks.status_page [--quick] [--json] [--check]

A real aggregator counts the demo's fleet into a store with a past of incidents; `coalmine status-page
run` shows it, kept on a core of its own with all its threads. Readers on the other core come one after
the other, each on a new connection and none waiting for another: most ask for the page, some for the
API, the history or a feed, every fifth with what it was told before. In the middle the aggregator gets
kill -9.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import aiohttp
import yaml

from benchmarks import usage
from benchmarks.report import Options, Report, main, say
from coalmine_aggregator.demo.ports import free_port
from coalmine_aggregator.model.incident import CellImpact, EntryKind, IncidentState
from coalmine_aggregator.store.database import open_engine
from coalmine_aggregator.store.incident_log import write_incidents
from coalmine_runtime import clock
from coalmine_wire.protocols import Protocol
from tests.aggregator.status.cases import Story, scope
from tests.browser.demo_site import DemoSite
from tests.servers.process import Process
from tests.servers.waiting import until

PER_SECOND = 1_000
SPAN_S, QUICK_SPAN_S = 30.0, 8.0
INCIDENTS = 200

MAX_P99_MS = 100.0
MAX_CORE = 80.0
"""Percent of its core."""


def keep_past(url: str) -> None:
    """Makes a store with incidents that are over."""
    engine = open_engine(url)
    stories = []
    for number in range(1, INCIDENTS + 1):
        protocol = list(Protocol)[number % len(Protocol)]
        story = Story(scope(protocol=protocol), number=number)
        story.add(EntryKind.UPDATE, 60, public="We found the cause, and work on it.", who="anna")
        story.close(600).add(EntryKind.STATE, 1_200, IncidentState.RESOLVED)
        stories.append(story.count(CellImpact(protocol, "eu-west-1", 1_200, 3_600)))
    with engine.begin() as connection:
        entries = [entry for story in stories for entry in story.entries]
        write_incidents(connection, [story.incident for story in stories], entries, [])
    engine.dispose()


class Page(Process):
    """`coalmine status-page run` of a store, on one core with all its threads."""

    def __init__(self, folder: Path, url: str) -> None:
        self.port = free_port()
        settings = {
            "store": url,
            "listen": f"127.0.0.1:{self.port}",
            "page": {"name": "Example", "time_zone": "Europe/Dublin"},
            "components": [
                {"id": str(each).replace("_", "-"), "name": f"Ingestion by {each}", "service": "ingest"}
                | {"protocols": [str(each)]}
                for each in Protocol
            ],
        }
        config = folder / "status-page.yaml"
        config.write_text(yaml.safe_dump(settings))
        argv = [sys.executable, "-m", "coalmine_cli.main", "status-page", "run", str(config)]
        super().__init__(argv, log=folder / "status-page.log")

    async def until_shown(self) -> None:
        """Waits until there is a site."""

        async def is_shown() -> bool:
            async with (
                aiohttp.ClientSession() as session,
                session.get(f"http://127.0.0.1:{self.port}/healthz") as answer,
            ):
                return answer.status == 200

        await self.until_listening(self.port)
        await until(is_shown, deadline_s=30, what="a site is shown", explain=self.tail)


async def readers(port: int, span_s: float) -> dict[str, Any]:
    """What the readers tell in the end."""
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.processes.status_readers"),
        *(f"127.0.0.1:{port}", str(PER_SECOND), str(span_s)),
        stdout=asyncio.subprocess.PIPE,
    )
    told: dict[str, Any] = json.loads((await child.communicate())[0])
    return told


async def measure(options: Options, folder: Path) -> Report:
    """All of it."""
    report = Report()
    span_s = QUICK_SPAN_S if options.quick else SPAN_S
    ours, others = usage.cores()
    os.sched_setaffinity(0, {others})  # and whatever we start
    url = f"sqlite:///{folder / 'history.db'}"
    keep_past(url)
    page = Page(folder, url)
    async with DemoSite(folder) as site:
        await page.start()
        usage.pin(page.pid, {ours})
        try:
            usage.go_first(page.pid)
            await page.until_shown()
            say(f"{INCIDENTS} incidents, {len(Protocol)} components; the aggregator is killed halfway")
            began, spent = clock.monotonic(), usage.cpu_s(page.pid)
            waited = usage.waited_s(page.pid)
            reading = asyncio.create_task(readers(page.port, span_s))
            await asyncio.sleep(span_s / 2)
            await site.aggregator.kill()
            told = await reading
            waited = usage.waited_s(page.pid) - waited
            core = 100 * (usage.cpu_s(page.pid) - spent) / (clock.monotonic() - began)
        finally:
            await page.kill()
    seconds = told["seconds"]
    report.add("readers a second, each on a new connection", told["asked"] / span_s, "/s")
    report.add("failed", told["failed"], "", at_most=0)
    for name, share, most in (("half", 0.5, None), ("99 %", 0.99, MAX_P99_MS), ("all", 1.0, None)):
        place = min(len(seconds) - 1, int(share * len(seconds)))
        report.add(f"{name} served within", 1_000 * seconds[place], "ms", at_most=most)
    report.add("of its core", core, "%", at_most=MAX_CORE)
    report.add("an answer", told["bytes"] / told["asked"] / 1024, "KiB")
    for why in told["why"]:
        report.note(f"failed: {why}")
    report.note(f"over {span_s:.0f} s, kill -9 to the aggregator after {span_s / 2:.0f} s")
    report.note(f"the page waited {waited:.1f} s for its core, which others had")
    report.note("readers share the other core with aggregator and agents, which is in the times")
    return report


def run(options: Options) -> Report:
    """The benchmark."""
    with tempfile.TemporaryDirectory(prefix="coalmine-status-") as folder:
        return asyncio.run(measure(options, Path(folder)))


if __name__ == "__main__":
    sys.exit(main("what the public status page bears", run))
