"""What the page costs: 200 people who look at it live, and one who opens it.

    python -m benchmarks.web [--quick] [--json] [--check]

A real aggregator with the demo's fleet four times over, 288 series by six protocols. The viewers are
connections of the live feed in a process of their own, read to their ends as a browser does; the
processor time is the aggregator's, as the kernel accounts it, by turns without and with them. The first
paint is Chromium's with an empty cache, and what was transferred is counted with its headers, as its
DevTools tell it.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

from playwright.async_api import Browser

from benchmarks import usage
from benchmarks.report import Options, Report, main, say
from coalmine_aggregator.demo.fleet import FLEET, Member
from coalmine_runtime import clock
from coalmine_wire.protocols import Protocol
from tests.browser import chromium
from tests.browser.demo_site import DemoSite
from tests.servers.waiting import until, within

VIEWERS = 200
COPIES = 4
SPAN_S, QUICK_SPAN_S = 30.0, 5.0
TURNS, QUICK_TURNS = 3, 2
LOADS, QUICK_LOADS = 7, 3

MAX_CORE = 10.0
"""Percent of a core, for all viewers together."""

MAX_PAINT_S = 1.0
MAX_KIB = 300.0
MAX_REQUESTS = 15
MAX_LAG_S = 1.0
"""A slot that is settled this much after it is due is late."""

_PAINT = """new Promise((done) => new PerformanceObserver((list, observer) => {
  const paint = list.getEntries().find(({ name }) => name === "first-contentful-paint");
  if (paint === undefined) return;
  observer.disconnect();
  done(paint.startTime / 1000);
}).observe({ type: "paint", buffered: true }))"""
_WHOLE = "document.querySelectorAll('#grid td[data-status=\"ok\"]').length > 20"
_FEED = "/api/v1/live"


class Load(NamedTuple):
    """One opening of the page: seconds to its first paint and to its grid, bytes until then."""

    paint_s: float
    grid_s: float
    transferred: int
    requests: int


def members() -> tuple[Member, ...]:
    """The demo's fleet, several times over under hosts of their own."""
    return tuple(each._replace(host=f"{each.host}-{copy}") for copy in range(COPIES) for each in FLEET)


class Viewers:
    """The process that looks; use as an async context manager."""

    def __init__(self, site: DemoSite) -> None:
        self._site = site
        self._address = site.url.removeprefix("http://")
        self.told: dict[str, Any] = {}

    async def __aenter__(self) -> Viewers:
        self._child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "benchmarks.processes.viewers", self._address, str(VIEWERS)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        assert self._child.stdout is not None
        if not await within(self._child.stdout.readline(), 20):
            raise SystemExit("the viewers were not let in")
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._child.stdin is not None
        self._child.stdin.close()
        self.told = json.loads((await self._child.communicate())[0])

        async def gone() -> bool:
            return await self._site.api.metric("coalmine_viewers") == 0

        # The next ones would be refused at the bound while these still count.
        await until(gone, deadline_s=10, what="the viewers are gone")


async def core_percent(site: DemoSite, span_s: float) -> float:
    """What the aggregator takes of a core over so long, in percent."""
    pid = site.aggregator.pid
    began, spent = clock.monotonic(), usage.busy_s(pid)
    await asyncio.sleep(span_s)
    return 100 * (usage.busy_s(pid) - spent) / (clock.monotonic() - began)


async def worst_lag_s(site: DemoSite, over: asyncio.Event) -> float:
    """The longest that a slot was settled after it was due, looked at several times a second."""
    worst = 0.0
    while not over.is_set():
        worst = max(worst, await site.api.metric("coalmine_settle_lag_seconds"))
        await asyncio.sleep(0.3)
    return worst


async def load(browser: Browser, site: DemoSite) -> Load:
    """Opens the page in a profile that has seen nothing."""
    async with chromium.tab(browser) as tab:
        devtools = await tab.page.context.new_cdp_session(tab.page)
        await devtools.send("Network.enable")
        feeds: set[str] = set()
        sizes: dict[str, int] = {}
        ended: set[str] = set()

        def asked(event: dict[str, Any]) -> None:
            sizes[event["requestId"]] = 0
            if event["request"]["url"].endswith(_FEED):
                feeds.add(event["requestId"])

        def done(event: dict[str, Any]) -> None:
            sizes[event["requestId"]] = int(event.get("encodedDataLength", 0))
            ended.add(event["requestId"])

        devtools.on("Network.requestWillBeSent", asked)
        devtools.on("Network.loadingFinished", done)
        devtools.on("Network.loadingFailed", done)
        await tab.page.goto(site.url, wait_until="commit")
        paint_s = float(await tab.value(_PAINT))
        await tab.until(_WHOLE)
        grid_s = float(await tab.value("performance.now() / 1000"))
        await tab.until("document.querySelectorAll('#rates-key tbody tr').length > 0")
        # All that the first picture asked for, the graphs' data too. The feed never ends: its first
        # snapshot came with the page.
        first = sizes.keys() - feeds

        async def all_ended() -> bool:
            return first <= ended

        await until(all_ended, deadline_s=10, what="all of the page has come")
        return Load(paint_s, grid_s, sum(sizes[each] for each in first), len(first))


async def measure(options: Options, folder: Path) -> Report:
    """All of it."""
    report = Report()
    span_s = QUICK_SPAN_S if options.quick else SPAN_S
    alone, watched, heard = [], [], []
    async with DemoSite(folder, members=members()) as site:
        say(f"{len(FLEET) * COPIES * len(Protocol)} series, all delivered")
        for turn in range(QUICK_TURNS if options.quick else TURNS):
            alone.append(await core_percent(site, span_s))
            async with Viewers(site) as viewers:
                watched.append(await core_percent(site, span_s))
            heard.append(viewers.told)
            say(f"turn {turn + 1}: {alone[-1]:.1f} % alone, {watched[-1]:.1f} % watched")
        async with Viewers(site):
            over = asyncio.Event()
            lag = asyncio.create_task(worst_lag_s(site, over))
            await asyncio.sleep(span_s)
            over.set()
            lag_s = await lag
        cut_off = await site.api.metric("coalmine_viewers_ended_total", why="cut_off")
        async with chromium.running() as browser:
            loads = [await load(browser, site) for _ in range(QUICK_LOADS if options.quick else LOADS)]
    events = sum(sum(each["events"]) for each in heard)
    sizes = sum(each["bytes"] for each in heard) / events / 1024
    report.add(
        f"of a core for {VIEWERS} viewers",
        statistics.median(w - a for w, a in zip(watched, alone, strict=True)),
        "%",
        at_most=MAX_CORE,
    )
    report.add("of a core with them", statistics.median(watched), "%")
    report.add("of a core without", statistics.median(alone), "%")
    # One comes at once; a feed that misses a second would make the processor time too small.
    fewest = min(min(each["events"]) for each in heard)
    report.add("snapshots to each viewer at least", fewest, "", at_least=int(span_s))
    report.add("a snapshot", sizes, "KiB")
    report.add("viewers cut off", cut_off + sum(each["ended"] for each in heard), "", at_most=0)
    report.add("settled late at most", lag_s, "s", at_most=MAX_LAG_S)
    report.add(
        "first paint", statistics.median(each.paint_s for each in loads), "s", at_most=MAX_PAINT_S
    )
    report.add("the grid is filled", statistics.median(each.grid_s for each in loads), "s")
    report.add("transferred", max(each.transferred for each in loads) / 1024, "KiB", at_most=MAX_KIB)
    report.add("requests", max(each.requests for each in loads), "", at_most=MAX_REQUESTS)
    report.note(f"{len(FLEET) * COPIES} agents, {len(FLEET) * COPIES * len(Protocol)} series")
    report.note("one browser on the same cores, over loopback: no network's delay is in the paint")
    return report


def run(options: Options) -> Report:
    """The benchmark."""
    with tempfile.TemporaryDirectory(prefix="coalmine-web-") as folder:
        return asyncio.run(measure(options, Path(folder)))


if __name__ == "__main__":
    sys.exit(main("what the page costs its aggregator and its viewers", run))
