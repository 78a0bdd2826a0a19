"""Settings of receivers, from YAML, as people write them."""

from __future__ import annotations

import base64
import dataclasses
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import aiohttp

from coalmine_aggregator.notify.links import Links
from coalmine_aggregator.notify.notifier import Notifier
from coalmine_aggregator.notify.settings import NotifySettings
from coalmine_aggregator.paging_settings import PagingSettings
from coalmine_aggregator.store.store import Store
from coalmine_runtime.settings import loads, setting
from tests.servers.pagerduty import ROUTING_KEY

SECRET = "whsec_" + base64.b64encode(b"n" * 32).decode()


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Whole:
    notify: list[NotifySettings] = setting("Receivers", [])


def receivers(text: str) -> list[NotifySettings]:
    """The entries of a `notify:` list."""
    return loads(_Whole, f"notify:\n{text}", {}).notify


def paging(text: str) -> PagingSettings:
    """The section `paging`."""
    return loads(PagingSettings, text, {})


@asynccontextmanager
async def notifying(
    store: Store,
    entries: Sequence[NotifySettings],
    settings: PagingSettings | None = None,
    links: Links | None = None,
) -> AsyncIterator[Notifier]:
    """A notifier that runs; everything goes to everybody where nothing else is said."""
    policy = (settings or PagingSettings()).policy(entries)
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        running = await Notifier.open(entries, policy, store, session, links or Links())
        try:
            yield running
        finally:
            await running.close()


def pagerduty(url: str, name: str = "pd") -> list[NotifySettings]:
    """One PagerDuty service."""
    return receivers(f"  - {{name: {name}, pagerduty: {{routing_key: {ROUTING_KEY}, url: '{url}'}}}}")


def webhook(url: str, name: str = "hook") -> list[NotifySettings]:
    """One webhook."""
    return receivers(f"  - {{name: {name}, webhook: {{secret: '{SECRET}', url: '{url}'}}}}")
