"""Wall, phone and login: whole, quiet, and without a fault that axe-core finds, light and dark."""

from __future__ import annotations

from pathlib import Path

from playwright.async_api import Browser

from tests.browser import chromium
from tests.browser.axe import source, violations
from tests.browser.demo_site import DemoSite

RED = "document.querySelectorAll('#grid [data-status=\"down\"]').length >= 5"
OVER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


async def test_wall_and_phone_of_an_outage(browser: Browser, demo_site: DemoSite) -> None:
    await demo_site.break_("udp")
    await demo_site.api.until_alert(scope={"protocol": "udp"})
    axe = source()
    for path, size in (("/wall", chromium.WALL), ("/", chromium.PHONE)):
        for dark in (False, True):
            async with chromium.tab(browser, size=size, dark=dark) as tab:
                await tab.page.goto(f"{demo_site.url}{path}")
                await tab.until(RED)
                await tab.until("document.querySelector('#connection').dataset.state === 'live'")
                assert await tab.value(OVER) <= 0, f"{path} at {size}"
                assert await violations(tab, axe) == [], f"{path} at {size}, dark: {dark}"
                tab.must_be_quiet(demo_site.url)


async def test_login(tmp_path: Path, browser: Browser) -> None:
    token = "correct-horse-battery-staple-of-40-characters"
    web = {"access": {"tokens": [{"name": "wall", "token": token}]}}
    async with DemoSite(tmp_path, members=(), settings={"web": web}) as site:
        for dark in (False, True):
            async with chromium.tab(browser, dark=dark) as tab:
                await tab.page.goto(f"{site.url}/login")
                assert await violations(tab, source()) == [], f"dark: {dark}"
                await tab.page.locator("#token").fill(token)
                async with tab.page.expect_navigation():
                    await tab.page.keyboard.press("Enter")
                await tab.until("document.querySelector('#connection')?.dataset.state === 'live'")
                tab.must_be_quiet(site.url)
