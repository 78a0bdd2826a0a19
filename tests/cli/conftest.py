"""The real application behind the commands, with a fake fleet."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from coalmine_aggregator.web.app import make_app
from coalmine_aggregator.web.options import WebOptions
from tests.aggregator.web.fake_view import FakeView
from tests.cli.running import Serve


@pytest.fixture
def view() -> FakeView:
    return FakeView()


@pytest.fixture
async def serve(view: FakeView) -> AsyncIterator[Serve]:
    """Starts the application, or another one, and gives its address."""
    servers: list[TestServer] = []

    async def start(
        app: web.Application | None = None, tls: ssl.SSLContext | None = None, **options: Any
    ) -> str:
        app = app or make_app(view, WebOptions(**options), now=lambda: view.now, paced=False)
        server = TestServer(app, host="127.0.0.1", scheme="https" if tls else "http")
        await server.start_server(ssl=tls)
        servers.append(server)
        return str(server.make_url("")).rstrip("/")

    yield start
    for server in servers:
        await server.close()
