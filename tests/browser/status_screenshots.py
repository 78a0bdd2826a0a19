"""The pictures of the public status page in the documentation, of a site made by hand.

python -m tests.browser.status_screenshots docs/images
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from coalmine_aggregator.status.site import Site
from tests.aggregator.status import sites
from tests.browser import chromium
from tests.browser.status_site import StatusSite


class Picture(NamedTuple):
    """One file: what is shown of which site, in which window."""

    name: str
    make: Callable[[], Site]
    path: str
    size: tuple[int, int]
    dark: bool = False


PICTURES = (
    Picture("status-page.png", sites.outage, "/", (1280, 1160)),
    Picture("status-page-well-dark.png", sites.well, "/", (1280, 900), dark=True),
    Picture("status-page-phone.png", sites.outage, "/", chromium.PHONE),
    Picture("status-page-phone-stale-dark.png", sites.stale, "/", chromium.PHONE, dark=True),
    Picture("status-page-history.png", sites.outage, "/history/", (1280, 900)),
)


async def take(folder: Path) -> None:
    """Takes all of them."""
    async with chromium.running() as browser:
        for picture in PICTURES:
            with tempfile.TemporaryDirectory(prefix="coalmine-pictures-") as scratch:
                with StatusSite(Path(scratch), picture.make()) as site:
                    async with chromium.tab(browser, size=picture.size, dark=picture.dark) as tab:
                        await site.open(tab, picture.path)
                        await tab.page.screenshot(path=folder / picture.name)


if __name__ == "__main__":
    asyncio.run(take(Path(sys.argv[1])))
