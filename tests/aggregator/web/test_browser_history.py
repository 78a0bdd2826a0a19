"""The page over a real engine, its store and its readers: past moments, drilling, strips, latency."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.aggregator.web.browser import Tab, open_tab
from tests.aggregator.web.kept_site import KeptSite, kept_site
from tests.aggregator.web.test_engine import FIRST

GREEN, OUTAGE, AFTER = 130, 45, 90
DURING = FIRST + GREEN + 30
"""A second within the outage of udp."""

DOWN = "document.querySelectorAll('#grid td[data-status=\"down\"]')"
LIVE = "document.querySelector('#connection')?.dataset.state === 'live'"


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[KeptSite]:
    async with kept_site(f"sqlite:///{tmp_path}/history.db") as running:
        running.view.run(GREEN)
        running.view.run(OUTAGE, lost="udp")
        running.view.run(AFTER)
        await running.view.written()
        yield running


@pytest.fixture
async def tab(tmp_path: Path) -> AsyncIterator[Tab]:
    async with open_tab(tmp_path / "profile") as tab:
        yield tab


def address(site: KeptSite, query: str = "") -> str:
    return str(site.server.make_url("/")) + query


async def test_a_link_reopens_the_moment_and_leads_back(site: KeptSite, tab: Tab) -> None:
    await tab.open(address(site, f"?at={DURING}"))
    await tab.until(f"{DOWN}.length === 3")
    banner = await tab.evaluate("document.querySelector('#past p').textContent")
    assert banner.startswith("Not live: ")
    assert " UTC, " in banner
    assert await tab.evaluate("document.querySelector('#content').dataset.fresh") == "yes"
    assert await tab.evaluate("document.querySelectorAll('.alert').length") == 1
    assert "udp" in await tab.evaluate("document.querySelector('.alert .tags').textContent")
    assert not [url for url in tab.requests if "/live" in url], "nothing is heard of now"
    # The minute before it began, by key; and back by the browser's own button.
    await tab.press("[", 219)
    await tab.until(f"{DOWN}.length === 0 && !document.querySelector('.alert')")
    assert f"at={_iso(DURING - 60)}" in await tab.evaluate("location.search")
    await tab.evaluate("history.back()")
    await tab.until(f"{DOWN}.length === 3")
    await tab.press("l", 76)
    await tab.until(f"{LIVE} && {DOWN}.length === 0")
    assert await tab.evaluate("location.search") == ""
    assert tab.complaints == []


async def test_the_copied_link_is_of_the_second_on_show(site: KeptSite, tab: Tab) -> None:
    await tab.open(address(site, "?lines=place"))
    await tab.until(LIVE)
    await tab.call(
        "Browser.grantPermissions",
        permissions=["clipboardReadWrite", "clipboardSanitizedWrite"],
        origin=address(site).rstrip("/"),
    )
    await tab.call("Emulation.setFocusEmulationEnabled", enabled=True)
    await tab.evaluate("document.querySelector('#copy').click()")
    await tab.until("document.querySelector('#copy').textContent === 'Copied'")
    link = await tab.evaluate("navigator.clipboard.readText()")
    assert link == address(site, f"?lines=place&at={_iso(int(site.view.now))}")
    assert tab.complaints == []


async def test_the_grid_is_drilled_by_keys_down_to_the_host_and_left_by_esc(
    site: KeptSite, tab: Tab
) -> None:
    await tab.open(address(site, f"?at={DURING}"))
    await tab.until(f"{DOWN}.length === 3")
    await tab.evaluate("document.querySelector('#grid button[tabindex=\"0\"]').focus()")
    await tab.press("ArrowDown", 40)
    assert "udp" in await tab.evaluate("document.activeElement.textContent")
    for level in ("zone", "host", "node"):
        await tab.press("Enter", 13)
        title = "document.querySelector('#grid-title').textContent"
        await tab.until(f"{title} === 'Delivery by {level} and protocol' && {DOWN}.length === 1")
        assert await tab.evaluate("document.activeElement.matches('#grid button')")
        while "udp" not in await tab.evaluate("document.activeElement.textContent"):
            await tab.press("ArrowRight", 39)
    query = await tab.evaluate("Object.fromEntries(new URLSearchParams(location.search))")
    assert query["protocol"] == "udp"
    assert {"location", "region", "zone", "host", "at"} <= set(query)
    crumbs = await tab.evaluate("[...document.querySelectorAll('#crumbs li')].length")
    assert crumbs == 5
    for _ in range(3):
        await tab.press("Escape", 27)
    await tab.until(f"{DOWN}.length === 3")
    assert list(await tab.evaluate("Object.fromEntries(new URLSearchParams(location.search))")) == [
        "location",
        "at",
    ]
    assert tab.complaints == []


async def test_strip_and_latency_are_drawn_and_can_be_read(site: KeptSite, tab: Tab) -> None:
    await tab.open(address(site, f"?at={FIRST + GREEN + OUTAGE + 20}"))
    await tab.until("document.querySelectorAll('#strip-table tbody tr').length === 3")
    assert await tab.evaluate("document.querySelector('#strip-summary').textContent") == (
        "3 series of 6 lost something in 5 min."
    )
    assert "45 s" in await tab.evaluate("document.querySelector('#strip-table td').textContent")
    # Along the strip with the keys: the last row is one of udp, which was lost.
    await tab.evaluate("document.querySelector('#strip').focus()")
    for _ in range(5):
        await tab.press("ArrowDown", 40)
    for _ in range(30):
        await tab.press("ArrowLeft", 37)
    tip = await tab.evaluate("document.querySelector('.tip').innerText")
    assert tip.startswith("udp ")
    assert "lost" in tip
    await tab.press("Enter", 13)
    await tab.until(f"{DOWN}.length === 3")
    await tab.until("document.querySelectorAll('#latency .small').length === 2")
    text = await tab.evaluate("document.querySelector('#latency .small table').innerText")
    assert "connect" in text
    assert " ms" in text
    assert await tab.evaluate("document.querySelectorAll('#latency canvas').length") == 2
    assert tab.complaints == []


async def test_a_moment_that_is_not_kept_is_told(site: KeptSite, tab: Tab) -> None:
    await tab.open(address(site, f"?at={int(site.view.now) + 1000}"))
    await tab.until(
        "document.querySelector('#past p')?.textContent.includes('This moment cannot be shown')"
    )
    assert await tab.evaluate("document.querySelector('#content').dataset.fresh") == "no"


async def test_times_are_told_in_either_zone_which_is_named(site: KeptSite, tab: Tab) -> None:
    await tab.call("Emulation.setTimezoneOverride", timezoneId="Europe/Berlin")
    await tab.open(address(site))
    settled = "[...document.querySelectorAll('#facts dd')].at(-1)"
    await tab.until(f"{LIVE} && {settled}.textContent.endsWith(' UTC')")
    both = await tab.evaluate(f"{settled}.title")
    await tab.press("z", 90)
    await tab.until(f"/ (CEST?|GMT[+][12])$/.test({settled}.textContent)")
    assert " UTC = " in both
    assert await tab.evaluate("document.querySelector('#zone').textContent") != "UTC"
    await tab.open(address(site))
    await tab.until(f"{LIVE} && /CEST?|GMT[+]/.test({settled}.textContent)")
    assert tab.complaints == []


async def test_the_theme_is_kept(site: KeptSite, tab: Tab) -> None:
    await tab.open(address(site))
    await tab.until(LIVE)
    ground = "getComputedStyle(document.body).backgroundColor"
    light = await tab.evaluate(ground)
    await tab.press("t", 84)
    assert await tab.evaluate(ground) == light
    await tab.press("t", 84)
    assert await tab.evaluate("document.querySelector('#theme-name').textContent") == "dark"
    dark = await tab.evaluate(ground)
    assert dark != light
    await tab.open(address(site))
    await tab.until(LIVE)
    assert await tab.evaluate(ground) == dark
    assert tab.complaints == []


async def test_a_wall_needs_no_scrolling(site: KeptSite, tab: Tab) -> None:
    await tab.open(f"{address(site)}wall", width=1920, height=1080)
    await tab.until(f"{LIVE} && document.querySelector('#rates canvas') !== null")
    for measure in ("Width", "Height"):
        assert await tab.evaluate(f"document.documentElement.scroll{measure} <= inner{measure}"), (
            measure
        )
    assert await tab.evaluate("document.querySelectorAll('button, a, input').length") == 0
    assert tab.complaints == []


def _iso(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
