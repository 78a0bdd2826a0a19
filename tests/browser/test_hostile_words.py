"""What agents and configurations say is text everywhere, whatever it holds: page, wall, terminal, file.

Markup, a spreadsheet's formula, sequences that drive terminals (ESC and C1), a mark that turns the
direction of writing, and 200 characters without a space, through real agents, broker and aggregator.
"""

from __future__ import annotations

import asyncio
import contextlib
import csv
import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
from playwright.async_api import Browser

from coalmine_aggregator.demo.configs import FLEET_NAME
from coalmine_aggregator.demo.fleet import FLEET, SERVICE, Member
from coalmine_runtime import clock
from coalmine_runtime.mqtt import BrokerSettings, BrokerUrl, Connection, connect
from coalmine_runtime.secret import Secret
from coalmine_wire.protocols import Protocol
from coalmine_wire.reports import Birth, Endpoint, Life, Report, SlotReport, State, encode
from coalmine_wire.series import Location, escape
from coalmine_wire.slots import slot_of
from coalmine_wire.topics import Kind, Topic
from tests.browser import chromium
from tests.browser.chromium import Tab
from tests.browser.demo_site import DemoSite
from tests.cli.pseudo_terminal import PseudoTerminal
from tests.cli.running import run

MARKUP = "<img src=x onerror=alert(1)><script>alert(2)</script>\"'&amp;"
DRIVING = "\x1b]0;pwned\x07\x1b[2J\x9b31m\x7f\u202e"
EVIL = f"=1+1{MARKUP}{DRIVING}{'w' * 200}"

MEMBERS = (
    *FLEET[:2],
    Member(f"{MARKUP.replace('/', '')}{'h' * 80}", Location.EXTERNAL, "r" * 200, "z" * 200),
    Member("inside", Location.INTERNAL, f"{MARKUP}{DRIVING}", EVIL),
)
SERVICE_RULES = {"owner": EVIL, "playbook": "javascript:alert(3)"}

MADE = (
    'document.querySelectorAll(\'[onerror], img:not([src^="/static/"]),'
    ' body script:not([src^="/static/"]), a[href^=javascript]\').length'
)
AGENTS = (
    "Object.fromEntries([...document.querySelectorAll('#agents tbody tr')]"
    ".map((row) => [row.cells[0].textContent, row.dataset.health]))"
)
HEALTH = {"evil": "impaired", "wants-its-place": "set_aside", "gone": "retired"}
OVER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
SPILT = (
    "[...document.querySelectorAll('body *')].filter((each) => {"
    " const { left, right, width } = each.getBoundingClientRect();"
    " if (width === 0 || getComputedStyle(each).visibility === 'hidden') return false;"
    " for (let up = each.parentElement; up; up = up.parentElement)"
    "  if (getComputedStyle(up).overflowX !== 'visible') return false;"
    " return right > innerWidth + 1 || left < -1; }).map((each) => each.outerHTML.slice(0, 200))"
)


async def test_it_is_text_everywhere(tmp_path: Path, browser: Browser) -> None:
    async with DemoSite(tmp_path, members=MEMBERS, service=SERVICE_RULES) as site, speaking(site):
        await site.break_("udp")
        await site.api.until_alert(scope={"protocol": "udp"})
        for size in (chromium.DESKTOP, chromium.PHONE):
            async with chromium.tab(browser, size=size) as tab:
                await on_the_page(site, tab)
        async with chromium.tab(browser, size=chromium.WALL) as tab:
            await on_the_wall(site, tab)
        await in_files(site)
        await in_a_terminal(site)
    log = (tmp_path / "aggregator.log").read_text()
    assert "aggregator.agent.retired" in log
    assert "pwned" in log
    assert all(line.isprintable() for line in log.split("\n"))


@contextlib.asynccontextmanager
async def speaking(site: DemoSite) -> AsyncIterator[None]:
    """Three agents of our own: one impaired by what is no word, one that wants the place of that one,
    and one retired for such a reason."""
    settings = BrokerSettings(
        url=BrokerUrl.parse(f"mqtt://127.0.0.1:{site.broker_port}"),
        fleet=FLEET_NAME,
        username="evil",
        password=Secret(site.broker_password),
    )
    async with connect(settings, "evil") as connection:
        for agent in ("evil", "wants-its-place"):
            await say(connection, Kind.BIRTH, birth(agent, "evil"))
        await say(connection, Kind.BIRTH, birth("gone", "gone"))
        await say(connection, Kind.STATE, State("gone", EVIL, Life.RETIRED, clock.wall(), reason=EVIL))
        talking = asyncio.create_task(talk(connection))
        try:
            yield
        finally:
            talking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await talking


def birth(agent: str, host: str) -> Birth:
    return Birth(
        agent=agent,
        boot=EVIL,
        revision=1,
        first_slot=slot_of(clock.wall()),
        location=Location.EXTERNAL,
        region=EVIL,
        zone=EVIL,
        host=host,
        endpoints=[Endpoint(SERVICE, Protocol.TCP, 500, EVIL, EVIL)],
        version=EVIL,
        python=EVIL,
    )


async def talk(connection: Connection) -> None:
    while True:
        now = clock.wall()
        report = Report("evil", EVIL, 1, now, [SlotReport(slot_of(now) - 1, impaired=[EVIL])])
        await say(connection, Kind.REPORT, report)
        await asyncio.sleep(1)


async def say(connection: Connection, kind: Kind, message: Birth | State | Report) -> None:
    await connection.publish(str(Topic(FLEET_NAME, message.agent, kind)), encode(message))


async def on_the_page(site: DemoSite, tab: Tab) -> None:
    await tab.page.goto(site.url)
    for agent, health in HEALTH.items():
        await tab.until(f"({AGENTS})['{agent}'] === '{health}'")
    await tab.until("document.querySelectorAll('.alert').length >= 1")
    await tab.until("document.querySelectorAll('#strip-table tbody tr').length > 0")
    for summary in await tab.page.locator("details > summary").all():
        if await summary.is_visible():
            await summary.click()
    await tab.until("document.querySelectorAll('.change').length > 0")
    # What the pointer and the keys bring up.
    await tab.page.locator("#strip").focus()
    for _ in range(4):
        await tab.page.keyboard.press("ArrowDown")
        await tab.until("!document.querySelector('.tip').hidden")
        await text_alone(tab)
    await tab.page.locator("#grid button").last.focus()
    text = await tab.value("document.body.textContent")
    for said, least in ((EVIL, 3), (escape(MARKUP), 1), ("r" * 200, 1)):
        assert text.count(said) >= least, said
    assert "javascript:alert(3)" in text
    await text_alone(tab)
    # Down to the hosts of the region with the longest name, by a link.
    place = f"location=external&region={'r' * 200}&zone={'z' * 200}"
    await tab.page.goto(f"{site.url}/?{place}")
    await tab.until(
        "document.querySelector('#grid caption')?.textContent === 'hosts of ' + 'z'.repeat(200)"
    )
    await text_alone(tab)
    tab.must_be_quiet(site.url)


async def on_the_wall(site: DemoSite, tab: Tab) -> None:
    await tab.page.goto(f"{site.url}/wall")
    await tab.until("document.querySelectorAll('.wall-alert').length >= 1")
    await tab.until("document.querySelectorAll('#grid [data-status=\"down\"]').length >= 1")
    assert await tab.value("document.documentElement.scrollHeight <= innerHeight")
    await text_alone(tab)
    tab.must_be_quiet(site.url)


async def text_alone(tab: Tab) -> None:
    """Nothing was made of it, and it fits."""
    assert await tab.value(MADE) == 0
    assert await tab.value(SPILT) == []
    assert await tab.value(OVER) <= 0


async def in_files(site: DemoSite) -> None:
    alerts = await table(site, "/api/v1/export/alerts.csv")
    assert {row["owner"] for row in alerts} >= {f"'{EVIL}"}
    rates = await table(site, "/api/v1/export/rates.csv?by=region,zone,host,variant&last=2m&step=60")
    assert {row["region"] for row in rates} >= {"r" * 200, escape(EVIL)}
    async with aiohttp.ClientSession(site.url) as session:
        async with session.get("/api/v1/rates", params={"by": EVIL}) as response:
            assert response.status == 400
            assert response.content_type == "application/problem+json"
            assert response.headers["X-Content-Type-Options"] == "nosniff"
            assert "default-src 'none'" in response.headers["Content-Security-Policy"]
            assert (await response.json(content_type=None))["parameter"] == "by"
        async with session.get(f"/{MARKUP}") as response:
            assert response.status == 404
            assert response.content_type == "application/problem+json"


async def table(site: DemoSite, path: str) -> list[dict[str, Any]]:
    status, text = await site.api.text(path)
    assert status == 200, text
    return list(csv.DictReader(io.StringIO(text, newline="")))


async def in_a_terminal(site: DemoSite) -> None:
    alert = (await site.api.alerts())["open"][0]["id"]
    for words in (
        ("top",),
        ("rates", "--by", "region,zone,host,variant"),
        ("rates", "--by", EVIL),
        ("alerts", "list", "--all"),
        ("alerts", "list", "--json"),
        ("alerts", "explain", alert),
        ("alerts", "explain", alert, "--json"),
        ("alerts", "explain", DRIVING),
    ):
        done = await run(*words, "--url", site.url)
        assert all(line.isprintable() for line in f"{done.out}{done.err}".split("\n")), words
        assert done.code == {EVIL: 2, DRIVING: 1}.get(words[-1], 0), done
        if words[:2] not in (("rates", "--by"), ("alerts", "list")) or "--json" in words:
            assert "pwned" in f"{done.out}{done.err}", words

    def watch() -> str:
        with PseudoTerminal("top", "--url", site.url, columns=400, lines=50) as terminal:
            shown = terminal.until("scroll")
            terminal.press(b"q")
            assert terminal.ended() == 0
            return shown

    shown = await asyncio.to_thread(watch)
    assert r"\x1b]0;pwned\x07\x1b[2J\x9b31m\x7f" in shown
    assert all(line.isprintable() for line in shown.replace("\r", "").split("\n"))
