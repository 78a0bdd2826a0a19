"""The page over a real engine, its store and its readers: past moments, drilling, strips, latency."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from playwright.async_api import Route

from coalmine_aggregator.notify.links import Links
from tests.aggregator.store.samples import alert
from tests.aggregator.web.kept_site import KeptSite, kept_site
from tests.aggregator.web.test_engine import FIRST
from tests.browser import chromium
from tests.browser.chromium import Tab

GREEN, OUTAGE, AFTER = 130, 45, 90
DURING = FIRST + GREEN + 30
"""A second within the outage of udp."""

LEFT_PX, RIGHT_PX = 132, 12
"""Beside a graph over time, on a wide screen."""

DOWN = "document.querySelectorAll('#grid td[data-status=\"down\"]')"
HERE = "document.querySelector('#grid').dataset.fresh === 'yes'"
LIVE = "document.querySelector('#connection')?.dataset.state === 'live'"


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[KeptSite]:
    async with kept_site(f"sqlite:///{tmp_path}/history.db") as running:
        running.view.run(GREEN)
        running.view.run(OUTAGE, lost="udp")
        running.view.run(AFTER)
        await running.view.written()
        yield running


def address(site: KeptSite, query: str = "") -> str:
    return str(site.server.make_url("/")) + query


async def test_a_page_s_link_shows_the_loss_that_it_tells_of(site: KeptSite, tab: Tab) -> None:
    """It names the second in which the loss began, and where; in that second nothing was seen yet."""
    began = FIRST + GREEN
    told = Links(address(site), "ingest").view(alert()._replace(since=began))
    assert "&scope=protocol:udp" in told
    await tab.page.goto(told)
    await tab.until("document.querySelector('.alert') !== null")
    assert await tab.value("location.search") == f"?protocol=udp&at={_iso(began + 10)}"
    assert await tab.value("document.querySelectorAll('#grid td[data-status=\"down\"]').length") > 0
    tab.must_be_quiet(address(site))


async def test_a_link_reopens_the_moment_and_leads_back(site: KeptSite, tab: Tab) -> None:
    await tab.page.goto(address(site, f"?at={DURING}"))
    await tab.until(f"{DOWN}.length === 3")
    banner = await tab.value("document.querySelector('#past p').textContent")
    assert banner.startswith("Not live: ")
    assert " UTC, " in banner
    assert await tab.value("document.querySelector('#content').dataset.fresh") == "yes"
    assert await tab.value("document.querySelectorAll('.alert').length") == 1
    assert "udp" in await tab.value("document.querySelector('.alert .tags').textContent")
    assert not [url for url in tab.requests if "/live" in url], "nothing is heard of now"
    # The minute before it began, by key; and back by the browser's own button.
    await tab.page.keyboard.press("[")
    await tab.until(f"{DOWN}.length === 0 && !document.querySelector('.alert')")
    assert f"at={_iso(DURING - 60)}" in await tab.value("location.search")
    await tab.value("history.back()")
    await tab.until(f"{DOWN}.length === 3")
    await tab.page.keyboard.press("l")
    await tab.until(f"{LIVE} && {DOWN}.length === 0")
    assert await tab.value("location.search") == ""
    tab.must_be_quiet(address(site))


@pytest.mark.parametrize("ahead_s", [-86_400, 86_400], ids=["behind", "ahead"])
async def test_a_link_leads_there_whatever_the_browser_s_clock_says(
    site: KeptSite, tab: Tab, ahead_s: int
) -> None:
    """As those of pages do, and times as people in any zone write them."""
    wrong = int(site.view.now) + ahead_s
    await tab.page.add_init_script(f"Date.now = () => {wrong * 1000}")
    told = datetime.fromtimestamp(DURING - 10, timezone(timedelta(hours=2))).isoformat()
    await tab.page.goto(address(site, f"?at={told}&scope=protocol:udp"))
    await tab.until(f"{DOWN}.length === 3")
    assert await tab.value("location.search") == f"?protocol=udp&at={_iso(DURING)}"
    ago = int(site.view.now) - DURING
    said = f"{ago // 60} min {ago % 60} s ago. "
    assert (await tab.value("document.querySelector('#past p').textContent")).endswith(said)
    tab.must_be_quiet(address(site))


async def test_the_copied_link_is_of_the_second_on_show(site: KeptSite, tab: Tab) -> None:
    await tab.page.goto(address(site, "?lines=place"))
    await tab.until(LIVE)
    await tab.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await tab.page.locator("#copy").click()
    await tab.until("document.querySelector('#copy').textContent === 'Copied'")
    link = await tab.value("navigator.clipboard.readText()")
    assert link == address(site, f"?lines=place&at={_iso(int(site.view.now))}")
    tab.must_be_quiet(address(site))


async def test_the_grid_is_drilled_by_keys_down_to_the_host_and_left_by_esc(
    site: KeptSite, tab: Tab
) -> None:
    await tab.page.goto(address(site, f"?at={DURING}"))
    await tab.until(f"{DOWN}.length === 3")
    await tab.value("document.querySelector('#grid button[tabindex=\"0\"]').focus()")
    await tab.page.keyboard.press("ArrowDown")
    assert "udp" in await tab.value("document.activeElement.textContent")
    for level in ("zone", "host", "node"):
        await tab.page.keyboard.press("Enter")
        title = "document.querySelector('#grid-title').textContent"
        await tab.until(
            f"{title} === 'Delivery by {level} and protocol' && {HERE} && {DOWN}.length === 1"
        )
        assert await tab.value("document.activeElement.matches('#grid button')")
        while "udp" not in await tab.value("document.activeElement.textContent"):
            await tab.page.keyboard.press("ArrowRight")
    query = await tab.value("Object.fromEntries(new URLSearchParams(location.search))")
    assert query["protocol"] == "udp"
    assert {"location", "region", "zone", "host", "at"} <= set(query)
    crumbs = await tab.value("[...document.querySelectorAll('#crumbs li')].length")
    assert crumbs == 5
    for _ in range(3):
        await tab.page.keyboard.press("Escape")
    await tab.until(f"{DOWN}.length === 3")
    assert list(await tab.value("Object.fromEntries(new URLSearchParams(location.search))")) == [
        "location",
        "at",
    ]
    tab.must_be_quiet(address(site))


async def test_strip_and_latency_are_drawn_and_can_be_read(site: KeptSite, tab: Tab) -> None:
    await tab.page.goto(address(site, f"?at={FIRST + GREEN + OUTAGE + 20}"))
    await tab.until("document.querySelectorAll('#strip-table tbody tr').length === 3")
    assert await tab.value("document.querySelector('#strip-summary').textContent") == (
        "3 series of 6 lost something in 3 min 11 s."
    )
    assert "45 s" in await tab.value("document.querySelector('#strip-table td').textContent")
    # Along the strip with the keys: the last row is one of udp, which was lost.
    await tab.value("document.querySelector('#strip').focus()")
    for _ in range(5):
        await tab.page.keyboard.press("ArrowDown")
    for _ in range(30):
        await tab.page.keyboard.press("ArrowLeft")
    tip = await tab.value("document.querySelector('.tip').innerText")
    assert tip.startswith("udp ")
    assert "lost" in tip
    await tab.page.keyboard.press("Enter")
    await tab.until(f"{DOWN}.length === 3")
    await tab.until("document.querySelectorAll('#latency .small').length === 2")
    text = await tab.value("document.querySelector('#latency .small table').innerText")
    assert "connect" in text
    assert " ms" in text
    assert await tab.value("document.querySelectorAll('#latency canvas').length") == 2
    tab.must_be_quiet(address(site))


async def test_the_strip_is_leafed_through_with_buttons_and_keys(site: KeptSite, tab: Tab) -> None:
    async def by_fours(route: Route) -> None:
        await route.continue_(url=route.request.url.replace("limit=400", "limit=4"))

    await tab.page.route("**/api/v1/strip?*", by_fours)
    await tab.page.goto(address(site, f"?at={FIRST + GREEN + OUTAGE + 20}"))
    told = "document.querySelector('#strip-pages p')?.textContent"
    await tab.until(f"{told} === 'Rows 1 to 4 of 6, in order of their labels.'")
    can = "[...document.querySelectorAll('#strip-pages button')].map((each) => each.ariaDisabled)"
    assert await tab.value(can) == ["true", "false"]
    await tab.page.locator("#strip-pages button").last.press("Enter")
    await tab.until(f"{told}.startsWith('Rows 5 to 6 of 6')")
    assert await tab.value(can) == ["false", "true"]
    assert await tab.value("document.activeElement.textContent") == "Further", "the focus stays"
    await tab.page.locator("#strip").press("PageUp")
    await tab.until(f"{told}.startsWith('Rows 1 to 4 of 6')")
    await tab.page.locator("#strip").press("PageDown")
    await tab.until(f"{told}.startsWith('Rows 5 to 6 of 6')")
    # Another question begins at its first row; one page is not leafed through.
    await tab.page.locator("input[name=strip][value=bad]").check(force=True)
    await tab.until("document.querySelector('#strip-pages').hidden")
    tab.must_be_quiet(address(site))


async def test_a_picture_of_elsewhere_is_grey_and_leads_nowhere(site: KeptSite, tab: Tab) -> None:
    """While the one of here is awaited; where that cannot be had, there is none."""
    held: dict[str, Route] = {}

    async def hold(route: Route) -> None:
        held["strip" if "strip" in route.request.url else "latency"] = route

    fresh = (
        "['strip', 'strip-summary', 'latency'].map((id) => document.getElementById(id).dataset.fresh)"
    )
    rows = "document.querySelectorAll('#strip-table tbody tr').length"
    painted = (
        "[...document.querySelector('#strip canvas').getContext('2d')"
        ".getImageData(0, 0, 400, 40).data].some((value) => value > 0)"
    )
    graphs = "document.querySelectorAll('#latency canvas').length"
    await tab.page.goto(address(site, f"?at={FIRST + GREEN + OUTAGE + 20}"))
    await tab.until(f"{rows} === 3 && {graphs} === 2")
    assert await tab.value(fresh) == ["yes", "yes", "yes"]
    await tab.page.route("**/api/v1/strip?*", hold)
    await tab.page.route("**/api/v1/latency?*", hold)
    await tab.page.locator("#strip").hover(position={"x": 400, "y": 20})
    tip = "!(document.querySelector('.tip')?.hidden ?? true)"
    assert await tab.value(tip)
    await tab.page.locator("#locations label").last.click()
    while len(held) < 2:  # noqa: ASYNC110 - bounded by the test's time
        await asyncio.sleep(0.01)
    there = await tab.value("location.search")
    assert "location=external" in there
    assert await tab.value(fresh) == ["no", "no", "no"]
    assert not await tab.value(tip)
    await tab.page.locator("#strip").hover(position={"x": 410, "y": 20})
    assert not await tab.value(tip)
    await tab.page.locator("#strip").click()
    await tab.page.locator("#strip").press("ArrowLeft")
    await tab.page.locator("#strip").press("Enter")
    assert await tab.value("location.search") == there
    # They come.
    for name in ("strip", "latency"):
        await held.pop(name).continue_()
    await tab.until(f"{fresh}.join() === 'yes,yes,yes' && {rows} === 3 && {graphs} === 2")
    # The next ones do not.
    await tab.page.locator("#locations label").first.click()
    while len(held) < 2:  # noqa: ASYNC110 - bounded by the test's time
        await asyncio.sleep(0.01)
    assert await tab.value(painted)
    for name in ("strip", "latency"):
        await held.pop(name).fulfill(status=503, json={"detail": "Too much is asked."})
    summary = "document.querySelector('#strip-summary')"
    await tab.until(f"{summary}.textContent === 'No answer: Too much is asked.' && {graphs} === 0")
    assert await tab.value(f"[{summary}.dataset.fresh ?? '', {painted}]") == ["", False]
    # Nor is it there when one is back before they came.
    await tab.page.locator("#locations label").last.click()
    await tab.page.locator("#strip").hover(position={"x": 400, "y": 20})
    await tab.page.locator("#strip").press("ArrowLeft")
    assert not await tab.value(tip)
    assert not [said for said in tab.complaints if said.startswith("exception")]


async def test_a_burn_down_is_of_the_moment_on_show(site: KeptSite, tab: Tab) -> None:
    label = "document.querySelector('#burn-down').ariaLabel"
    await tab.page.goto(address(site, f"?at={FIRST + 90}"))
    await tab.until(f"{label} === 'Error budget left over 30 d: 100 % left'")
    caption = await tab.value("document.querySelector('#burn-down-caption').textContent")
    assert "Nothing is kept from before" in caption
    await tab.page.goto(address(site, f"?at={FIRST + GREEN + OUTAGE + 20}"))
    await tab.until(f"{label}?.startsWith('Error budget left over 30 d: overspent')")
    tab.must_be_quiet(address(site))


async def test_axes_begin_where_history_does(site: KeptSite, tab: Tab) -> None:
    await tab.page.goto(address(site, f"?at={FIRST + 100}"))
    begin = datetime.fromtimestamp(FIRST + 2, UTC)
    caption = "document.querySelector('#rates-caption').textContent"
    await tab.until(f"{caption}.includes('Nothing is kept from before {begin:%H:%M:%S} UTC.')")
    await tab.until(
        "/ in 1 min [0-9]+ s[.]$/.test(document.querySelector('#strip-summary').textContent)"
    )
    tab.must_be_quiet(address(site))


async def test_a_moment_that_is_not_kept_is_told(site: KeptSite, tab: Tab) -> None:
    await tab.page.goto(address(site, f"?at={int(site.view.now) + 1000}"))
    await tab.until(
        "document.querySelector('#past p')?.textContent.includes('This moment cannot be shown')"
    )
    assert await tab.value("document.querySelector('#content').dataset.fresh") == "no"


@pytest.mark.parametrize(
    ("tab", "local", "days"),
    [
        ({"timezone": "America/New_York"}, True, 7),
        ({"timezone": "America/Santiago"}, True, 30),  # whose clocks leapt over a midnight on the way
        ({"timezone": "America/Santiago"}, False, 30),
    ],
    ids=["new-york", "santiago", "utc"],
    indirect=["tab"],
)
async def test_days_begin_at_midnight_beneath_every_graph(
    site: KeptSite, tab: Tab, local: bool, days: int
) -> None:
    """Of the zone that is shown: what is drawn over a time axis is measured against its ends."""
    spans: dict[str, tuple[int, int]] = {}

    async def long_kept(route: Route) -> None:
        """As if something were known of the whole range."""
        said = await (await route.fetch()).json()
        first, step = said["first"], said["step"]
        if "columns" in said:
            said["seen"] = [1] * said["columns"]
            spans["#strip"] = (first, first + said["columns"] * step)
        else:
            last = said["last"]
            spans["#rates"] = (-(-(last - days * 86_400 + 1) // step) * step, last + step)
        for group in said.get("groups", ()):
            for name in ("slots", "received", "expected"):
                group[name].insert(0, first if name == "slots" else 1)
            for numbers in group["fates"].values():
                numbers.insert(0, 0)
        await route.fulfill(json=said)

    await tab.page.add_init_script(
        "globalThis.written = []; const write = CanvasRenderingContext2D.prototype.fillText;"
        " CanvasRenderingContext2D.prototype.fillText = function (text, x, ...more) {"
        "   written.push([this.canvas, text, this.getTransform().e + x]);"
        "   return write.call(this, text, x, ...more); }"
    )
    if local:
        await tab.page.add_init_script("localStorage.setItem('coalmine.zone', 'local')")
    await tab.page.route("**/api/v1/strip?*", long_kept)
    await tab.page.route("**/api/v1/rates?*", long_kept)
    await tab.page.goto(address(site, f"?range={days}d&at={DURING}"))
    zone = ZoneInfo(await tab.value("Intl.DateTimeFormat().resolvedOptions().timeZone"))
    for graph in ("#strip", "#rates"):
        drawn = (
            f"[...new Map(written.filter(([canvas, text]) => canvas.closest('{graph}')"
            " && /^[0-9]{2}-[0-9]{2}$/.test(text)).map(([, text, x]) => [text, x]))]"
        )
        await tab.until(f"{drawn}.length >= 4")
        first, end = spans[graph]
        width = await tab.value(f"document.querySelector('{graph}').clientWidth") - LEFT_PX - RIGHT_PX
        for day, x in await tab.value(drawn):
            month, of_month = map(int, day.split("-"))
            begins = datetime(2026, month, of_month, tzinfo=zone if local else UTC).timestamp()
            at = LEFT_PX + (begins - first) / (end - first) * width
            assert x == pytest.approx(at, abs=0.6), (graph, day)  # whole pixels
    tab.must_be_quiet(address(site))


@pytest.mark.parametrize("tab", [{"timezone": "Europe/Berlin"}], ids=["berlin"], indirect=True)
async def test_times_are_told_in_either_zone_which_is_named(site: KeptSite, tab: Tab) -> None:
    await tab.page.goto(address(site))
    settled = "[...document.querySelectorAll('#facts dd')].at(-1)"
    await tab.until(f"{LIVE} && {settled}.textContent.endsWith(' UTC')")
    both = await tab.value(f"{settled}.title")
    await tab.page.keyboard.press("z")
    await tab.until(f"/ (CEST?|GMT[+][12])$/.test({settled}.textContent)")
    assert " UTC = " in both
    assert await tab.value("document.querySelector('#zone').textContent") != "UTC"
    await tab.page.goto(address(site))
    await tab.until(f"{LIVE} && /CEST?|GMT[+]/.test({settled}.textContent)")
    tab.must_be_quiet(address(site))


async def test_the_theme_is_kept(site: KeptSite, tab: Tab) -> None:
    await tab.page.goto(address(site))
    await tab.until(LIVE)
    ground = "getComputedStyle(document.body).backgroundColor"
    light = await tab.value(ground)
    await tab.page.keyboard.press("t")
    assert await tab.value(ground) == light
    await tab.page.keyboard.press("t")
    assert await tab.value("document.querySelector('#theme-name').textContent") == "dark"
    dark = await tab.value(ground)
    assert dark != light
    await tab.page.goto(address(site))
    await tab.until(LIVE)
    assert await tab.value(ground) == dark
    tab.must_be_quiet(address(site))


@pytest.mark.parametrize("tab", [{"size": chromium.WALL}], ids=["wall"], indirect=True)
async def test_a_wall_needs_no_scrolling(site: KeptSite, tab: Tab) -> None:
    await tab.page.goto(f"{address(site)}wall")
    await tab.until(f"{LIVE} && document.querySelector('#rates canvas') !== null")
    for measure in ("Width", "Height"):
        assert await tab.value(f"document.documentElement.scroll{measure} <= inner{measure}"), measure
    assert await tab.value("document.querySelectorAll('button, a, input').length") == 0
    tab.must_be_quiet(address(site))


def _iso(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
