"""The pictures of the page of remediation in the documentation.

python -m tests.browser.remediation_screenshots docs/images
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

from aiohttp.test_utils import TestServer

from coalmine_aggregator.web.app import make_app
from tests.aggregator.web.fake_remediation import FakeRemediation
from tests.aggregator.web.fake_view import FakeView
from tests.browser import chromium
from tests.browser.test_remediation import dry_run, frozen, stopped, withdrawn


class Picture(NamedTuple):
    """One file: what is so, in which window."""

    name: str
    state: Callable[[FakeRemediation], str]
    size: tuple[int, int]
    dark: bool = False


PICTURES = (
    Picture("remediation.png", withdrawn, (1400, 1000)),
    Picture("remediation-frozen.png", frozen, (1400, 1000), dark=True),
    Picture("remediation-stopped.png", stopped, (1400, 800)),
    Picture("remediation-dry-run.png", dry_run, (1400, 900)),
    Picture("remediation-phone.png", withdrawn, chromium.PHONE, dark=True),
)


async def take(folder: Path) -> None:
    """Takes all of them."""
    async with chromium.running() as browser:
        for picture in PICTURES:
            view = FakeView()
            view.remediation = FakeRemediation(view.now)
            picture.state(view.remediation)
            app = make_app(view, now=partial(getattr, view, "now"), paced=False)
            async with (
                TestServer(app, host="127.0.0.1") as server,
                chromium.tab(browser, size=picture.size, dark=picture.dark) as tab,
            ):
                await tab.page.goto(str(server.make_url("/remediation")))
                await tab.until("document.querySelectorAll('#log .entry').length >= 1")
                await tab.until("document.querySelectorAll('.nodes .button').length > 0")
                await tab.page.screenshot(path=folder / picture.name)


if __name__ == "__main__":
    asyncio.run(take(Path(sys.argv[1])))
