"""A store, stand-ins and a session for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from coalmine_aggregator.notify.http import Client
from coalmine_aggregator.store.store import Store
from tests.servers.hook import Hook
from tests.servers.pagerduty import PagerDuty


@pytest.fixture
def url(tmp_path: Path) -> str:
    """Of the store."""
    return f"sqlite:///{tmp_path}/h.db"


@pytest.fixture
async def store(url: str) -> AsyncIterator[Store]:
    """Open."""
    store = await Store.open(url)
    yield store
    await store.close()


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    """With the system's trust."""
    async with aiohttp.ClientSession() as session:
        yield Client(session)


@pytest.fixture
async def pagerduty() -> AsyncIterator[PagerDuty]:
    """The stand-in, running."""
    async with PagerDuty() as running:
        yield running


@pytest.fixture
async def hook() -> AsyncIterator[Hook]:
    """An endpoint, running."""
    async with Hook() as running:
        yield running
