"""The demo's pager: a webhook on loopback that checks the signature and tells each page in one line."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Callable

import msgspec
from aiohttp import web

from coalmine_aggregator.demo.words import Page
from coalmine_runtime.logs import get_logger

_log = get_logger("demo.pager")

HOST = "127.0.0.1"
PATH = "/page"
_MAX_BODY = 64 << 10


class Pager:
    """Calls `tell` with each page whose signature is right."""

    def __init__(self, tell: Callable[[Page], None]) -> None:
        self._key = secrets.token_bytes(24)
        self._tell = tell
        app = web.Application(client_max_size=_MAX_BODY)
        app.router.add_post(PATH, self._post)
        self._runner = web.AppRunner(app, access_log=None)

    @property
    def secret(self) -> str:
        """What the sender signs with, in the form of Standard Webhooks."""
        return f"whsec_{base64.b64encode(self._key).decode()}"

    async def start(self) -> str:
        """Listens; the address to post to."""
        await self._runner.setup()
        await web.TCPSite(self._runner, HOST, 0).start()
        return f"http://{HOST}:{self._runner.addresses[0][1]}{PATH}"

    async def stop(self) -> None:
        """Closes the listener."""
        await self._runner.cleanup()

    async def _post(self, request: web.Request) -> web.Response:
        body = await request.read()
        if not self._is_signed(request, body):
            _log.warning("demo.pager.refused", id=request.headers.get("webhook-id", ""))
            return web.Response(status=401)
        self._tell(msgspec.json.decode(body, type=Page))
        return web.Response(status=204)

    def _is_signed(self, request: web.Request, body: bytes) -> bool:
        headers = request.headers
        signed = (
            f"{headers.get('webhook-id', '')}.{headers.get('webhook-timestamp', '')}.".encode() + body
        )
        digest = hmac.digest(self._key, signed, hashlib.sha256)
        expected = f"v1,{base64.b64encode(digest).decode()}"
        given = headers.get("webhook-signature", "").split(" ")
        return any(hmac.compare_digest(expected, signature) for signature in given)
