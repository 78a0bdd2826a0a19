"""The page in a real browser, over connections that die without a word and on machines that sleep."""

from __future__ import annotations

import pytest
from playwright.async_api import Route

from tests.aggregator.web.conftest import OpenSite, Site
from tests.aggregator.web.test_browser import GREEN, beating
from tests.aggregator.web.test_live import watch
from tests.browser import chromium
from tests.browser.chromium import Tab
from tests.servers.mute_relay import MuteRelay

TEXT = "document.querySelector('#connection-text').textContent"


@pytest.mark.prove
@pytest.mark.parametrize("path", ["/", "/wall"])
async def test_a_connection_that_died_without_a_word_is_made_anew(
    site: Site, tab: Tab, path: str
) -> None:
    """A browser that has nothing to send never learns that a firewall forgot its stream."""
    assert site.server.port is not None
    async with MuteRelay(site.server.port) as relay, beating(site):
        await tab.page.goto(f"http://127.0.0.1:{relay.port}{path}")
        await tab.until(GREEN)
        relay.forget()
        await tab.until(f"{TEXT}.startsWith('Stale')")
        await tab.until(f"{TEXT} === 'Live'", within_s=50)
        before = await tab.value("document.querySelector('#facts').textContent")
        await tab.until(f"document.querySelector('#facts').textContent !== {before!r}")


@pytest.mark.parametrize(
    ("tab", "path"),
    [({"size": chromium.PHONE}, "/"), ({"size": chromium.WALL}, "/wall")],
    ids=["phone", "wall"],
    indirect=["tab"],
)
async def test_whoever_finds_no_room_is_told_why(open_site: OpenSite, tab: Tab, path: str) -> None:
    site = await open_site(max_viewers=2)
    streams = [await watch(site), await watch(site)]
    await tab.page.goto(str(site.server.make_url(path)))
    await tab.until(f"{TEXT}.endsWith(' s. 2 viewers are watching already.')")
    right = await tab.value("document.querySelector('#connection').getBoundingClientRect().right")
    assert right <= await tab.value("screen.width")
    streams[0].response.close()
    async with beating(site):
        await tab.until(f"{TEXT} === 'Live'")


@pytest.mark.prove
async def test_a_question_that_is_never_answered_is_asked_again(site: Site, tab: Tab) -> None:
    """As it is for whatever asks the API."""
    asked: list[Route] = []

    async def first_is_lost(route: Route) -> None:
        asked.append(route)
        if len(asked) > 1:
            await route.continue_()

    await tab.page.add_init_script(
        "const timeout = AbortSignal.timeout.bind(AbortSignal);"
        " AbortSignal.timeout = (ms) => { globalThis.patience = ms; return timeout(ms / 60); }"
    )
    await tab.page.route("**/api/v1/incidents?state=open*", first_is_lost)
    await tab.page.goto(str(site.server.make_url("/incidents")))
    await tab.until(f"{TEXT} === 'Live'")
    assert await tab.value("patience") == 30_000
    assert len(asked) > 1
    await asked[0].abort()


async def test_a_machine_that_slept_passes_nothing_old_for_new(site: Site, tab: Tab) -> None:
    async with beating(site):
        await tab.page.goto(str(site.server.make_url("/")))
        await tab.until(GREEN)
    said = "globalThis.said = []; const line = document.querySelector('#connection-text')"
    await tab.value(
        f"{{ {said}; new MutationObserver(() => said.push(line.textContent))"
        ".observe(line, {childList: true}); }"
    )
    # While a machine sleeps the steady clock of its browser stands still, and nothing is heard.
    await tab.value("{ const now = Date.now; Date.now = () => now() + 7_200_000; }")
    await tab.until("said.includes('Stale: nothing heard for 2 h')", within_s=3)
    await tab.until("said.at(-1) === 'Live'")
