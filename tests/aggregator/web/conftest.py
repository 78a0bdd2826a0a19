"""The application on a real socket, with a fake fleet behind it and a clock that a test moves."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import aiohttp
import pytest
from aiohttp.test_utils import TestServer

from coalmine_aggregator.access.roles import Role
from coalmine_aggregator.access.settings import AccessSettings, TokenSettings
from coalmine_aggregator.reading.readers import Readers
from coalmine_aggregator.web.app import make_app
from coalmine_aggregator.web.keys import PULSE
from coalmine_aggregator.web.options import WebOptions
from coalmine_runtime.secret import Secret
from tests.aggregator.web.fake_view import FakeView
from tests.browser import chromium
from tests.browser.chromium import Tab


class Site:
    """The running application. `beat()` moves the clock by a second and lets the page have it."""

    def __init__(self, view: FakeView, server: TestServer, client: aiohttp.ClientSession) -> None:
        self.view = view
        self.server = server
        self.client = client
        self.streams: list[aiohttp.ClientResponse] = []

    def beat(self, seconds: int = 1) -> None:
        for _ in range(seconds):
            self.view.now += 1.0
            self.server.app[PULSE].beat(self.view.now)


def by_token(*tokens: str, role: Role = Role.OPERATOR) -> AccessSettings:
    """Access for these secrets, under the names t0, t1, ..."""
    return AccessSettings(
        tokens=[
            TokenSettings(name=f"t{i}", token=Secret(token), role=role)
            for i, token in enumerate(tokens)
        ]
    )


OpenSite = Callable[..., Awaitable[Site]]


@pytest.fixture
def view() -> FakeView:
    return FakeView()


@pytest.fixture
async def open_site(view: FakeView) -> AsyncIterator[OpenSite]:
    """Starts the application with these options."""
    opened: list[Site] = []

    async def start(*, port: int = 0, readers: Readers | None = None, **options: object) -> Site:
        app = make_app(
            view,
            WebOptions(**options),  # type: ignore[arg-type]
            readers,
            now=lambda: view.now,
            boottime=lambda: view.boottime,
            paced=False,
        )
        server = TestServer(app, host="127.0.0.1", port=port)
        await server.start_server()
        client = aiohttp.ClientSession(server.make_url("/"), cookie_jar=aiohttp.CookieJar(unsafe=True))
        opened.append(Site(view, server, client))
        return opened[-1]

    yield start
    for site in opened:
        for stream in site.streams:
            stream.close()
        await site.client.close()
        await site.server.close()


@pytest.fixture
async def site(open_site: OpenSite) -> Site:
    """The application with no access configured."""
    return await open_site()


@pytest.fixture
async def tab(request: pytest.FixtureRequest) -> AsyncIterator[Tab]:
    """A tab of a Chromium of its own; its parameter are options of `chromium.tab`."""
    async with (
        chromium.running() as browser,
        chromium.tab(browser, **getattr(request, "param", {})) as tab,
    ):
        yield tab
