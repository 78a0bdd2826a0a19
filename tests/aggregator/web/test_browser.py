"""The page in a real browser: it goes red, stays text, fits a phone, owns up to being stale."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from coalmine_aggregator.model.fates import Fate
from coalmine_aggregator.web.keys import PULSE
from tests.aggregator.web.browser import Tab, open_tab
from tests.aggregator.web.conftest import OpenSite, Site
from tests.aggregator.web.fake_view import Trouble, fleet, make_alert
from tests.servers.waiting import until

MARKUP = "<img src=x onerror=alert(1)><script>alert(2)</script>"

GREEN = "document.querySelectorAll('#grid td[data-status=\"ok\"]').length === 72"


@pytest.fixture
async def tab(tmp_path: Path) -> AsyncIterator[Tab]:
    async with open_tab(tmp_path) as tab:
        yield tab


@contextlib.asynccontextmanager
async def beating(site: Site) -> AsyncIterator[None]:
    """The page's seconds pass, faster than ours."""

    async def beat() -> None:
        while True:
            site.beat()
            await asyncio.sleep(0.1)

    task = asyncio.create_task(beat())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def address(site: Site, path: str = "/") -> str:
    return str(site.server.make_url(path))


async def test_green_then_red_within_five_seconds_without_a_complaint(site: Site, tab: Tab) -> None:
    async with beating(site):
        await tab.open(address(site))
        await tab.until(GREEN)
        assert await tab.evaluate("document.querySelector('#headline span').textContent") == (
            "Every datapoint arrives."
        )
        await tab.until("document.querySelectorAll('#chart path.rate-line').length === 6")
        began = site.view.settled + 1
        where = {"protocol": "udp", "region": "eu-west-1"}
        site.view.troubles = [Trouble(where=where, first=began)]
        site.view.alerts = [make_alert(1, since=began)]
        down = "document.querySelectorAll('#grid td[data-status=\"down\"]')"
        await tab.until(f"{down}.length === 3")
        assert "lost" in await tab.evaluate(f"{down}[0].textContent")
        assert await tab.evaluate("document.querySelector('.alert .tags').textContent") == (
            "protocol udpregion eu-west-1"
        )
        await tab.until("document.querySelectorAll('#chart rect.lost').length > 0")
        assert await tab.evaluate("document.title") == "1 open: Coalmine"
    assert tab.complaints == []
    origin = address(site)
    assert [url for url in tab.requests if not url.startswith(origin)] == []


async def test_other_lines_are_chosen_with_the_keyboard(site: Site, tab: Tab) -> None:
    async with beating(site):
        await tab.open(address(site))
        await tab.until(GREEN)
        for _ in range(20):
            await tab.press("Tab", 9)
            if await tab.evaluate("document.activeElement.name") == "by":
                break
        await tab.press("ArrowRight", 39)
        await tab.until("document.querySelectorAll('#chart path.rate-line').length === 4")
        await tab.press("ArrowRight", 39)
        await tab.until("document.querySelectorAll('#chart path.rate-line').length === 24")
        focused = await tab.evaluate("document.activeElement.value")
    assert focused == "protocol,region", "updates leave the focus where it is"
    assert tab.complaints == []


@pytest.mark.parametrize("width", [390, 1440])
async def test_markup_in_labels_is_text_and_long_labels_fit(site: Site, tab: Tab, width: int) -> None:
    view = site.view
    view.series = [
        series._replace(service=MARKUP, region="r" * 200, zone=MARKUP, host=MARKUP * 3)
        for series in fleet(regions=("eu-west-1",))
    ]
    view.troubles = [Trouble(where={"protocol": "udp"}, first=view.settled, fate=Fate.LATE)]
    view.odd = {MARKUP: 1}
    view.alerts = [
        make_alert(
            1,
            service=MARKUP,
            scope={"region": MARKUP, "host": "h" * 200},
            owner=MARKUP,
            playbook="javascript:alert(3)",
        )
    ]
    view.closed = [make_alert(2, service=MARKUP, scope={"zone": "z" * 200}, closed_at=view.now)]
    async with beating(site):
        await tab.open(address(site), width=width, height=844)
        await tab.until("document.querySelectorAll('#chart path.rate-line').length === 6")
        text = await tab.evaluate("document.body.textContent")
        made = await tab.evaluate(
            "document.querySelectorAll("
            "'[onerror], body script, img[src=x], a[href^=javascript]').length"
        )
        over = await tab.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
    assert text.count(MARKUP) >= 6
    assert made == 0
    assert over <= 0
    assert tab.complaints == []


async def test_a_phone_needs_no_sideways_scrolling(site: Site, tab: Tab) -> None:
    site.view.alerts = [make_alert(1)]
    site.view.troubles = [Trouble(where={"protocol": "udp"}, first=site.view.settled)]
    async with beating(site):
        await tab.open(address(site), width=390, height=844)
        await tab.until("document.querySelectorAll('#grid td[data-status=\"down\"]').length > 0")
        assert await tab.evaluate("document.documentElement.scrollWidth") == 390


async def test_a_page_that_hears_nothing_says_since_when(site: Site, tab: Tab) -> None:
    async with beating(site):
        await tab.open(address(site))
        await tab.until(GREEN)
    # The beat has ended; the stream stays open and silent.
    text = "document.querySelector('#connection-text').textContent"
    await tab.until(f"/^Stale: nothing heard for [4-9] s$/.test({text})")
    assert await tab.evaluate("document.title") == "(stale) Coalmine"
    assert await tab.evaluate("document.querySelector('#content').dataset.fresh") == "no"
    async with beating(site):
        await tab.until(f"{text} === 'Live'")
    assert tab.complaints == []


async def test_signing_in(open_site: OpenSite, tab: Tab) -> None:
    site = await open_site(tokens=("correct-horse",))
    async with beating(site):
        await tab.open(address(site))
        await tab.until("document.querySelector('#token') !== null")
        for token in ("wrong", "correct-horse"):
            await tab.evaluate(
                f"document.querySelector('#token').value = '{token}',"
                "setTimeout(() => document.querySelector('form').requestSubmit()), 0"
            )
            sign = ".wrong:not([hidden])" if token == "wrong" else '#connection[data-state="live"]'
            async with asyncio.timeout(15):
                while True:  # the page goes from one document to the next meanwhile
                    with contextlib.suppress(AssertionError):
                        await tab.until(f"document.querySelector('{sign}') !== null")
                        break
    feed = site.server.app[PULSE].feed

    async def watched() -> bool:
        return bool(feed.viewers)

    # The page comes with a snapshot; its feed opens a moment later.
    await until(watched, deadline_s=15, what="the feed is open")
