"""A real outage on the real page: red in time, its scope, down to one host, and back by a link."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlsplit

from playwright.async_api import Browser

from coalmine_runtime import clock
from tests.browser import chromium
from tests.browser.axe import source, violations
from tests.browser.chromium import Tab
from tests.browser.demo_site import DemoSite

RED_S = 5.0
"""From the moment of the break to red on the page."""

RED = '#grid td[data-status="down"], #grid td[data-status="partial"]'
GREEN = "document.querySelectorAll('#grid td[data-status=\"ok\"]').length >= 20"
TITLES = (
    "[...document.querySelectorAll('#grid td:is([data-status=down], [data-status=partial])')]"
    ".map((cell) => cell.title.split(':')[0])"
)


async def test_red_in_time_named_drilled_and_reopened(browser: Browser, demo_site: DemoSite) -> None:
    site, axe = demo_site, source()
    async with chromium.tab(browser) as tab:
        await tab.page.goto(site.url)
        await tab.until(GREEN)
        await must_be_fit(tab, axe)

        await site.break_("udp")
        broken = clock.wall()
        await tab.until(f"document.querySelector('{RED}') !== null")
        red_s = clock.wall() - broken
        assert red_s <= RED_S + await unknown_s(site, int(broken)), f"red after {red_s:.1f} s"

        await tab.until("document.querySelector('.alert .tags')?.textContent === 'protocol udp'")
        # Soon after it began, what was delivered before is in the same minute.
        said = await tab.value("document.querySelector('#headline').innerText")
        assert re.fullmatch(
            r"(All|Nearly all|\d\d % of) UDP of ingest is lost, all regions, since .+ UTC\.", said
        )
        # Every red cell is of UDP, and all of UDP is red: four regions, one of them in two locations.
        await tab.until(f"{TITLES}.length === 5 && {TITLES}.every((title) => title.startsWith('udp,'))")
        assert await undrawn_icons(tab) == [], "an icon is not drawn"
        await tab.page.locator(".why > summary").first.click()
        await tab.until("document.querySelector('.change') !== null")
        await must_be_fit(tab, axe)

        await drill(tab)
        await must_be_fit(tab, axe)
        link = await moment_link(tab)
        tab.must_be_quiet(site.url)

    # Over; the link still shows what was seen, in a browser that has seen nothing.
    await site.break_()
    await site.api.until_quiet()
    async with chromium.tab(browser) as tab:
        await tab.page.goto(link)
        await tab.until(
            "!document.querySelector('#past').hidden && document.querySelector('.alert') !== null"
        )
        assert await tab.value("document.querySelector('.alert .tags').textContent") == "protocol udp"
        await tab.until(f"{TITLES}.some((title) => title.startsWith('canary-eu-west-1a, udp'))")
        assert await tab.value("location.href") == link
        await must_be_fit(tab, axe)
        tab.must_be_quiet(site.url)


async def must_be_fit(tab: Tab, axe: str) -> None:
    """For everybody, light and dark."""
    for dark in (True, False):
        await tab.page.emulate_media(color_scheme="dark" if dark else "light")
        assert await violations(tab, axe) == [], f"dark: {dark}"


async def undrawn_icons(tab: Tab) -> list[str]:
    """The icons on show of which nothing is drawn."""
    undrawn: list[str] = await tab.value(
        "[...document.querySelectorAll('.icon')].filter((icon) => icon.checkVisibility()"
        " && icon.firstElementChild.getBBox().width === 0).map((icon) => icon.parentElement.outerHTML)"
    )
    return undrawn


async def unknown_s(site: DemoSite, first: int) -> int:
    """Seconds since `first` of which nothing can be known of UDP: the machine stalled the agents."""
    rows = (await site.api.rates("protocol", first=first))["udp"]
    return sum(row.fates["unknown"] == row.expected for row in rows)


async def drill(tab: Tab) -> None:
    """From the cell of UDP in eu-west-1 to its zones, to a zone's hosts, to a host's nodes."""
    place = "Object.fromEntries(new URLSearchParams(location.search))"
    steps = (
        ("udp, eu-west-1, external", "zones of eu-west-1", {"region": "eu-west-1"}),
        ("eu-west-1a, udp", "hosts of eu-west-1a", {"zone": "eu-west-1a"}),
        ("canary-eu-west-1a, udp", "nodes of canary-eu-west-1a", {"host": "canary-eu-west-1a"}),
    )
    wanted = {"protocol": "udp", "location": "external"}
    for cell, caption, level in steps:
        await tab.page.locator(f'#grid td[title^="{cell}"] button').click()
        await tab.until(f"document.querySelector('#grid caption')?.textContent === '{caption}'")
        wanted |= level
        assert await tab.value(place) == wanted
    await tab.page.go_back()
    await tab.until("document.querySelector('#grid caption')?.textContent === 'hosts of eu-west-1a'")
    await tab.until(f"{TITLES}.some((title) => title.startsWith('canary-eu-west-1a, udp'))")


async def moment_link(tab: Tab) -> str:
    """The link to the second on show."""
    await tab.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await tab.page.locator("#copy").click()
    await tab.until("document.querySelector('#copy').textContent === 'Copied'")
    link = str(await tab.page.evaluate("() => navigator.clipboard.readText()"))
    query = parse_qs(urlsplit(link).query)
    assert query.keys() == {"protocol", "location", "region", "zone", "at"}
    return link
