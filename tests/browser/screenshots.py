"""The pictures of the documentation, of a real demo in which all of UDP is lost.

python -m tests.browser.screenshots docs/images
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from tests.browser import chromium
from tests.browser.demo_site import DemoSite
from tests.browser.test_incidents import status_page

GREEN_S = 60
"""Long enough that the lines have a past."""

BROKEN_S = 30

DRAWN_S = 60
"""Until an incident's first graph is drawn, after that."""

TEXT = "The UDP decoder is stuck since the release of 09:30; rolling back on lb-1 first."
PUBLIC = "We have found the cause and are rolling back a release."


class Picture(NamedTuple):
    """One file: what is opened, in which window."""

    name: str
    path: str
    size: tuple[int, int]
    dark: bool = False


PICTURES = (
    Picture("page.png", "/", (1400, 1160)),
    Picture("page-dark.png", "/", (1400, 1160), dark=True),
    Picture("phone.png", "/", chromium.PHONE),
    Picture("wall.png", "/wall", (1400, 788), dark=True),
)

INCIDENT = (
    Picture("incident.png", "/incidents/1", (1400, 1240)),
    Picture("incident-phone.png", "/incidents/1", chromium.PHONE, dark=True),
)


async def say(site: DemoSite, tab: chromium.Tab) -> None:
    """Somebody takes it on, and says what is known."""
    await tab.page.goto(site.url)
    await tab.page.get_by_role("button", name="Acknowledge").click()
    await tab.page.locator(".ongoing a").click()
    await tab.page.get_by_role("radio", name="identified").check()
    await tab.page.get_by_label("For those who work on it").fill(TEXT)
    await tab.page.get_by_label("For customers", exact=True).fill(PUBLIC)
    await tab.page.get_by_role("button", name="Post the update").click()
    await tab.until("document.querySelector('.entry .told-public')?.checkVisibility()")


async def take(folder: Path) -> None:
    """Takes all of them."""
    with tempfile.TemporaryDirectory(prefix="coalmine-pictures-") as scratch:
        settings = {"incidents": {"status_page": str(status_page(Path(scratch)))}}
        async with (
            DemoSite(Path(scratch), settings=settings) as site,
            chromium.running() as browser,
        ):
            await asyncio.sleep(GREEN_S)
            await site.break_("udp")
            await site.api.until_alert(scope={"protocol": "udp"})
            await asyncio.sleep(BROKEN_S)
            for picture in PICTURES:
                async with chromium.tab(browser, size=picture.size, dark=picture.dark) as tab:
                    await tab.page.goto(f"{site.url}{picture.path}")
                    await tab.until("document.querySelectorAll('#open *').length > 3")
                    await tab.until("document.querySelectorAll('#grid [data-status=down]').length > 4")
                    await tab.until("document.querySelector('#connection').dataset.state === 'live'")
                    await tab.until("document.querySelector('#rates canvas') !== null")
                    await asyncio.sleep(2)  # what is asked for after the first snapshot is drawn
                    await tab.page.screenshot(path=folder / picture.name)
            async with chromium.tab(browser) as tab:
                await say(site, tab)
            await asyncio.sleep(DRAWN_S)
            for picture in INCIDENT:
                async with chromium.tab(browser, size=picture.size, dark=picture.dark) as tab:
                    await tab.page.goto(f"{site.url}{picture.path}")
                    await tab.until("document.querySelector('.kept img')?.naturalWidth > 0")
                    await tab.until("document.querySelector('.guide')?.checkVisibility()")
                    await tab.page.screenshot(path=folder / picture.name)


if __name__ == "__main__":
    asyncio.run(take(Path(sys.argv[1])))
