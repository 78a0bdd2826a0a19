"""Debian's Chromium, driven by Playwright: every complaint and every address asked for is kept."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

from playwright.async_api import Browser, ConsoleMessage, Dialog, Page, async_playwright

from tests.servers.process import executable

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
DESKTOP = (1440, 900)
PHONE = (390, 844)
WALL = (1920, 1080)

# What a policy forbids is logged by the browser, too; this says which rule, and cannot be missed.
_TELL_VIOLATIONS = (
    "addEventListener('securitypolicyviolation',"
    " (event) => console.error(`CSP ${event.violatedDirective} ${event.blockedURI}`))"
)


class Tab:
    """One page in a profile of its own.

    `complaints` are errors and warnings of the console, exceptions, dialogs and broken policies;
    `requests` the addresses asked for.
    """

    def __init__(self, page: Page) -> None:
        self.page = page
        self.complaints: list[str] = []
        self.requests: list[str] = []
        page.on("console", self._log)
        page.on("pageerror", lambda error: self.complaints.append(f"exception: {error}"))
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("dialog", self._dismiss)
        page.on("crash", lambda _: self.complaints.append("the page crashed"))

    def _log(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning", "assert"):
            self.complaints.append(f"{message.type}: {message.text} {message.location}")

    async def _dismiss(self, dialog: Dialog) -> None:
        self.complaints.append(f"{dialog.type}: {dialog.message}")
        await dialog.dismiss()

    async def until(self, condition: str, within_s: float = 20.0) -> None:
        """Waits until a condition holds. Playwright's own way is what the page's policy forbids."""
        late = json.dumps(f"not within {within_s} s: {condition}")
        await self.page.evaluate(
            "new Promise((done, fail) => {"
            f" const end = performance.now() + {within_s * 1000}; const look = () =>"
            f" ({condition}) ? done() : performance.now() > end ? fail(new Error({late}))"
            " : setTimeout(look, 20); look(); })"
        )

    async def value(self, expression: str) -> Any:
        """The value of an expression."""
        return await self.page.evaluate(expression)

    def must_be_quiet(self, origin: str) -> None:
        """Nothing was complained of, and nobody but the site at `origin` was asked for anything."""
        assert self.complaints == []
        asked = {urlsplit(url)[:2] for url in self.requests if not url.startswith("data:")}
        assert asked == {urlsplit(origin)[:2]}


@contextlib.asynccontextmanager
async def running() -> AsyncIterator[Browser]:
    """A headless Chromium."""
    program = executable("chromium", "chromium")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=list(FLAGS))
        try:
            yield browser
        finally:
            await browser.close()


@contextlib.asynccontextmanager
async def tab(
    browser: Browser,
    *,
    size: tuple[int, int] = DESKTOP,
    dark: bool = False,
    scale: float = 1,
    reduced_motion: bool = True,
    timezone: str = "UTC",
) -> AsyncIterator[Tab]:
    """A tab in a profile of its own, `size` wide and high in CSS pixels; English."""
    width, height = size
    context = await browser.new_context(
        viewport={"width": width, "height": height},
        device_scale_factor=scale,
        is_mobile=size == PHONE,
        has_touch=size == PHONE,
        color_scheme="dark" if dark else "light",
        reduced_motion="reduce" if reduced_motion else "no-preference",
        locale="en-GB",
        timezone_id=timezone,
    )
    await context.add_init_script(_TELL_VIOLATIONS)
    try:
        yield Tab(await context.new_page())
    finally:
        await context.close()
