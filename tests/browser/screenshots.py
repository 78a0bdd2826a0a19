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

GREEN_S = 60
"""Long enough that the lines have a past."""

BROKEN_S = 30


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


async def take(folder: Path) -> None:
    """Takes all of them."""
    with tempfile.TemporaryDirectory(prefix="coalmine-pictures-") as scratch:
        async with DemoSite(Path(scratch)) as site, chromium.running() as browser:
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


if __name__ == "__main__":
    asyncio.run(take(Path(sys.argv[1])))
