"""An HTTP endpoint that keeps what it is sent, and answers as told."""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import Mapping
from typing import NamedTuple

from aiohttp import web


class Message(NamedTuple):
    """One request."""

    path: str
    headers: Mapping[str, str]
    body: bytes


class Hook:
    """Use as an async context manager. Answers each of `answers` once, then `status`."""

    def __init__(
        self,
        *,
        status: int = 204,
        port: int = 0,
        host: str = "127.0.0.1",
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.status = status
        self.body = b""
        self.host = host
        self.port = port
        self.answers: deque[tuple[int, Mapping[str, str]]] = deque()
        self.messages: list[Message] = []
        self._tls = tls
        self._heard = asyncio.Condition()
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        """Where to send."""
        return f"http{'s' if self._tls else ''}://{self.host}:{self.port}/hook"

    async def __aenter__(self) -> Hook:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._take)
        self._runner = web.AppRunner(app, shutdown_timeout=0.5)
        await self._runner.setup()
        await web.TCPSite(self._runner, self.host, self.port, ssl_context=self._tls).start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    async def until(self, count: int, deadline_s: float = 10.0) -> list[Message]:
        """The messages so far, once there are so many."""
        async with asyncio.timeout(deadline_s), self._heard:
            await self._heard.wait_for(lambda: len(self.messages) >= count)
        return self.messages

    async def _take(self, request: web.Request) -> web.Response:
        message = Message(request.path, dict(request.headers), await request.read())
        async with self._heard:
            self.messages.append(message)
            self._heard.notify_all()
        status, headers = self.answers.popleft() if self.answers else (self.status, {})
        return web.Response(status=status, headers=headers, body=self.body)
