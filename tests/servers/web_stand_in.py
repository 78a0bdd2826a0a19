"""What stand-ins of web services share: an application on a free port of loopback."""

from __future__ import annotations

import ssl
from abc import ABC, abstractmethod
from typing import Self

from aiohttp import web


class WebStandIn(ABC):
    """Use as an async context manager, which gives `port`. `tls` is None for plain HTTP."""

    port = 0
    tls: ssl.SSLContext | None = None
    _runner: web.AppRunner | None = None

    @abstractmethod
    def _route(self, app: web.Application) -> None:
        """Adds what it answers."""

    async def __aenter__(self) -> Self:
        app = web.Application()
        self._route(app)
        self._runner = web.AppRunner(app, shutdown_timeout=0.5)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=self.tls).start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._runner is not None
        await self._runner.cleanup()
