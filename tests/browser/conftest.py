"""A Chromium and a running demo for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser

from tests.browser import chromium
from tests.browser.demo_site import DemoSite


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    """A headless Chromium."""
    async with chromium.running() as browser:
        yield browser


@pytest.fixture
async def demo_site(tmp_path: Path) -> AsyncIterator[DemoSite]:
    """The demo's fleet, all of it delivered."""
    async with DemoSite(tmp_path) as site:
        yield site
