"""`/metrics` on its own port: nothing else is there, and only who may scrape does."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import aiohttp
import pytest
from aiohttp.test_utils import TestServer

from coalmine_aggregator.access.roles import Scope
from coalmine_aggregator.access.settings import AccessSettings, TokenSettings
from coalmine_aggregator.web.keys import METRICS
from coalmine_aggregator.web.metrics_port import make_metrics_app
from coalmine_aggregator.web.options import WebOptions
from coalmine_runtime.secret import Secret
from tests.aggregator.web.conftest import Site

SCRAPER, READER = "scraper-battery-staple", "reader-battery-staple"

ACCESS = AccessSettings(
    tokens=[
        TokenSettings(name="prometheus", token=Secret(SCRAPER), scopes=[Scope.METRICS]),
        TokenSettings(name="wall", token=Secret(READER), scopes=[Scope.READ]),
    ]
)

Open = Callable[[WebOptions], Awaitable[aiohttp.ClientSession]]


@pytest.fixture
async def scraped(site: Site) -> AsyncIterator[Open]:
    """Opens the port beside a page, for somebody without a token."""
    opened: list[tuple[TestServer, aiohttp.ClientSession]] = []

    async def start(options: WebOptions) -> aiohttp.ClientSession:
        app = make_metrics_app(site.server.app[METRICS], options, now=lambda: site.view.now)
        server = TestServer(app, host="127.0.0.1")
        await server.start_server()
        opened.append((server, aiohttp.ClientSession(server.make_url("/"))))
        return opened[-1][1]

    yield start
    for server, client in opened:
        await client.close()
        await server.close()


async def test_it_is_there_and_nowhere_else(site: Site, scraped: Open) -> None:
    client = await scraped(WebOptions())
    async with client.get("/metrics") as response:
        assert response.status == 200
        assert response.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert "coalmine_received_datapoints{" in await response.text()
    for path in ("/", "/api/v1/rates", "/login", "/healthz"):
        async with client.get(path) as response:
            assert response.status == 404
    async with client.post("/metrics") as response:
        assert response.status == 405
    async with site.client.get("/metrics") as response:
        assert response.status == 404


@pytest.mark.parametrize(
    ("token", "status"), [(SCRAPER, 200), (READER, 403), ("wrong", 401), ("", 401)]
)
async def test_who_may_scrape(scraped: Open, token: str, status: int) -> None:
    client = await scraped(WebOptions(access=ACCESS))
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with client.get("/metrics", headers=headers) as response:
        assert response.status == status
        assert ("coalmine_" in await response.text()) == (status == 200)


async def test_nobody_is_led_to_a_page_that_is_not_there(scraped: Open) -> None:
    client = await scraped(WebOptions(access=ACCESS))
    for path in ("/metrics", "/login"):
        browser = {"Accept": "text/html"}
        async with client.get(path, headers=browser, allow_redirects=False) as response:
            assert response.status == 401


async def test_only_our_own_host_names(scraped: Open) -> None:
    client = await scraped(WebOptions(hosts=("coalmine.example",)))
    for host, status in (("coalmine.example:9464", 200), ("rebound.example", 421)):
        async with client.get("/metrics", headers={"Host": host}) as response:
            assert response.status == status
