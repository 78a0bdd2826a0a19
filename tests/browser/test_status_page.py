"""The public status page: whole on desk and phone, light and dark, without and with its script."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.async_api import Browser, Locator

from coalmine_aggregator.status.site import Site
from tests.aggregator.status import sites
from tests.browser import chromium
from tests.browser.axe import source, violations
from tests.browser.status_site import StatusSite

DESK = (1280, 900)
OVER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
TEXT = "document.querySelector('main').innerText"
OLD = "!document.querySelector('#old').hidden"
LONG = "ÜberlangerNameOhneLeerzeichen" * 8


def long() -> Site:
    """With a history of more than a page."""
    return sites.large(incidents=60, parts=1)


# Each page in each state that it has.
PAGES: tuple[tuple[Callable[[], Site], tuple[str, ...]], ...] = (
    (sites.well, ("/", "/history/", "/incidents/incident0039/", "/404.html")),
    (long, ("/history/", "/history/1/")),
    (sites.outage, ("/", "/incidents/incidentopen/")),
    (sites.in_maintenance, ("/", "/maintenances/maintenanc03/", "/maintenances/maintenanc02/")),
    (sites.stale, ("/",)),
    (sites.in_part, ("/",)),
)


def wordy() -> Site:
    """The longest that there is."""
    site = sites.outage()
    incident = site.incidents[0]
    return site._replace(
        page=site.page._replace(name=LONG),
        headline=LONG,
        components=tuple(
            each._replace(name=LONG, group=LONG, description=LONG) for each in site.components[:2]
        ),
        incidents=(
            incident._replace(
                name=LONG,
                updates=(incident.updates[0]._replace(body=LONG * 9), *incident.updates[1:]),
                impacts=(incident.impacts[0]._replace(name=LONG),),
            ),
        ),
    )


@pytest.mark.parametrize("size", [DESK, chromium.PHONE], ids=["desk", "phone"])
@pytest.mark.parametrize(("make", "paths"), PAGES, ids=lambda each: getattr(each, "__name__", ""))
async def test_nothing_is_wrong_with_any_page(
    tmp_path: Path,
    browser: Browser,
    make: Callable[[], Site],
    paths: tuple[str, ...],
    size: tuple[int, int],
) -> None:
    axe = source()
    with StatusSite(tmp_path, make()) as site:
        for path in paths:
            for dark in (False, True):
                async with chromium.tab(browser, size=size, dark=dark) as tab:
                    await site.open(tab, path)
                    assert await tab.value(OVER) <= 0, path
                    for summary in await tab.page.locator("summary").all():
                        await summary.click()
                        break
                    assert await tab.value(OVER) <= 0, path
                    assert await violations(tab, axe) == [], f"{path}, dark: {dark}"
                    tab.must_be_quiet(site.url)


async def test_it_prints_dark_on_light(tmp_path: Path, browser: Browser) -> None:
    with StatusSite(tmp_path, sites.outage()) as site:
        async with chromium.tab(browser, dark=True) as tab:
            await site.open(tab)
            await tab.page.emulate_media(media="print")
            ground = "getComputedStyle(document.body).backgroundColor"
            assert await tab.value(ground) == "rgb(255, 255, 255)"
            assert await violations(tab, source()) == []


@pytest.mark.parametrize("path", ["/", "/history/", "/incidents/incidentopen/"])
async def test_long_words_fit_a_phone(tmp_path: Path, browser: Browser, path: str) -> None:
    with StatusSite(tmp_path, wordy()) as site:
        async with chromium.tab(browser, size=chromium.PHONE) as tab:
            await site.open(tab, path)
            assert await tab.value(OVER) <= 0


async def width(of: Locator) -> float:
    box = await of.bounding_box()
    assert box is not None
    return box["width"]


async def test_it_is_whole_without_script(tmp_path: Path, browser: Browser) -> None:
    with StatusSite(tmp_path, sites.outage()) as site:
        context = await browser.new_context(java_script_enabled=False)
        page = await context.new_page()
        await page.goto(f"{site.url}/")
        # Playwright reads the page from outside.
        text = await page.locator("main").inner_text()
        for said in (
            "Major outage of UDP Europe",
            "Last measured 12:03:04 UTC",
            "What you send over TCP, TLS and HTTPS arrives.",
            "86,120 of 86,400 datapoints lost",
        ):
            assert said in text
        day = page.locator("#c-udpeuropexxx .days li", has_text="19 Nov").locator("p")
        assert await width(day) <= 1
        await page.locator("#c-udpeuropexxx summary").focus()
        await page.keyboard.press("Enter")
        assert await day.inner_text() == "Thu 19 Nov 99.76 % delivered, 1,209 of 518,400 lost"
        assert await width(day) > 200
        await page.locator("nav a", has_text="History").click()
        assert "Post-mortem" in await page.locator("main").inner_text()
        await context.close()


async def test_the_numbers_of_a_day_are_in_view_where_the_pointer_is(
    tmp_path: Path, browser: Browser
) -> None:
    with StatusSite(tmp_path, sites.outage()) as site:
        for size in (DESK, chromium.PHONE):
            async with chromium.tab(browser, size=size) as tab:
                await site.open(tab)
                bars = tab.page.locator("#c-tcpeuropexxx .days li")
                for at in (0, 25, 45, 65, 89):
                    await bars.nth(at).hover()
                    box = await bars.nth(at).locator("p").bounding_box()
                    assert box is not None
                    assert box["width"] > 100
                    assert box["x"] >= 0
                    assert box["x"] + box["width"] <= size[0]
                    assert await tab.value(OVER) <= 0


async def test_it_refreshes_itself_and_leaves_what_is_open(tmp_path: Path, browser: Browser) -> None:
    with StatusSite(tmp_path, sites.outage()) as site:
        async with chromium.tab(browser) as tab:
            await site.open(tab)
            await tab.page.locator("#c-udpeuropexxx summary").click()
            await tab.value("void (document.querySelector('#c-tcpeuropexxx').kept = true)")
            later = sites.well()
            site.show(later._replace(now=later.now + 30, measured_at=later.now + 29))
            await tab.page.clock.run_for(31_000)
            await tab.until("document.title === 'Example status: All systems operational'")
            text = await tab.value(TEXT)
            assert "Last measured 12:03:34 UTC" in text
            assert "Open incident" not in text
            # What is open stays open, what did not change stays what it was.
            assert await tab.value("document.querySelector('#d-udpeuropexxx').open")
            await tab.page.keyboard.press("Enter")
            assert not await tab.value("document.querySelector('#d-udpeuropexxx').open")
            assert await tab.value("document.querySelector('#c-tcpeuropexxx').kept === true")
            tab.must_be_quiet(site.url)


async def test_times_are_those_of_the_reader(tmp_path: Path, browser: Browser) -> None:
    with StatusSite(tmp_path, sites.outage()) as site:
        for zone, measured, said in (
            ("America/New_York", "07:03:04 UTC−5", "28 November 2026, 06:58 UTC−5"),
            ("Asia/Kolkata", "17:33:04 UTC+5:30", "28 November 2026, 17:28 UTC+5:30"),
            ("UTC", "12:03:04 UTC", "28 November 2026, 11:58 UTC"),
        ):
            async with chromium.tab(browser, timezone=zone) as tab:
                await site.open(tab)
                text = await tab.value(TEXT)
                assert f"Last measured {measured}\n" in text
                assert said in text


async def test_an_old_copy_says_so(tmp_path: Path, browser: Browser) -> None:
    made = sites.well()
    old = made._replace(now=made.now - 7_300, measured_at=made.now - 7_301)
    with StatusSite(tmp_path, made) as site:
        async with chromium.tab(browser) as tab:
            site.show(old)
            await site.open(tab)
            await tab.until(OLD)
            assert "It was made 2 hours ago and could not be refreshed." in " ".join(
                (await tab.value(TEXT)).split()
            )
            site.show(made)
            await tab.page.clock.run_for(31_000)
            await tab.until(f"!({OLD})")
            tab.must_be_quiet(site.url)


async def test_a_host_that_is_away_is_noticed(tmp_path: Path, browser: Browser) -> None:
    with StatusSite(tmp_path, sites.well()) as site:
        async with chromium.tab(browser) as tab:
            await site.open(tab)
            await tab.page.context.set_offline(True)
            await tab.page.clock.run_for(240_000)
            await tab.until(OLD)
            assert "All systems operational" in await tab.value(TEXT)
            await tab.page.context.set_offline(False)
            await tab.page.clock.run_for(31_000)
            await tab.until(f"!({OLD})")


async def test_a_hidden_page_asks_nothing(tmp_path: Path, browser: Browser) -> None:
    hide = (
        "Object.defineProperty(document, 'hidden', {{configurable: true, get: () => {0}}});"
        " document.dispatchEvent(new Event('visibilitychange'))"
    )
    with StatusSite(tmp_path, sites.well()) as site:
        async with chromium.tab(browser) as tab:
            await site.open(tab)
            await tab.value(hide.format("true"))
            asked = len(tab.requests)
            await tab.page.clock.run_for(600_000)
            assert len(tab.requests) == asked
            async with tab.page.expect_response(f"{site.url}/"):
                await tab.value(hide.format("false"))
            tab.must_be_quiet(site.url)


async def test_a_style_that_a_text_brings_is_text(tmp_path: Path, browser: Browser) -> None:
    evil = (
        "<style>*{display:none}</style><script>document.title='owned'</script><img src=//x.example/x>"
    )
    site = sites.outage()
    incident = site.incidents[0]._replace(name=evil, cause=evil, affected=evil, resolution=evil)
    named = tuple(each._replace(name=evil, description=evil) for each in site.components[:1])
    with StatusSite(
        tmp_path, site._replace(headline=evil, incidents=(incident,), components=named)
    ) as shown:
        for path in ("/", "/history/", "/incidents/incidentopen/"):
            async with chromium.tab(browser) as tab:
                await shown.open(tab, path)
                assert evil in await tab.value("document.querySelector('main').textContent")
                assert await tab.value("document.title !== 'owned'")
                tab.must_be_quiet(shown.url)
