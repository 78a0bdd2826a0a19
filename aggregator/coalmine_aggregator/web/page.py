"""The pages that people look at."""

from __future__ import annotations

import gzip

from aiohttp import web

from coalmine_aggregator.access.roles import Scope
from coalmine_aggregator.web.entrance import needs, open_to_all
from coalmine_aggregator.web.keys import NOW, PULSE
from coalmine_aggregator.web.static_files import StaticFiles, takes_gzip

_SNAPSHOT = b'<script type="application/json" id="snapshot">'


LIVE_COMPRESSION = 4
"""The live page is compressed anew each second that somebody opens it."""


class Page:
    """Handlers of the page and of its files."""

    def __init__(self, files: StaticFiles) -> None:
        self.files = files
        self._live: dict[str, tuple[bytes, bytes, bytes]] = {}

    @needs(Scope.READ)
    async def index(self, request: web.Request) -> web.Response:
        """The live page, with the newest snapshot in it: it shows something before the feed is open."""
        return self._with_snapshot(request, "index.html")

    @needs(Scope.READ)
    async def wall(self, request: web.Request) -> web.Response:
        """The same for a screen on a wall."""
        return self._with_snapshot(request, "wall.html")

    @open_to_all
    async def static(self, request: web.Request) -> web.Response:
        """A file of the page."""
        return self.files.asset(request)

    def _with_snapshot(self, request: web.Request, name: str) -> web.Response:
        snapshot = request.app[PULSE].snapshot(request.app[NOW]())
        if name not in self._live or self._live[name][0] is not snapshot:
            # Labels may hold anything; "<" alone could end the element early.
            inside = snapshot.replace(b"<", b"\\u003c")
            body = self.files.body(name).replace(_SNAPSHOT, _SNAPSHOT + inside)
            self._live[name] = (snapshot, body, gzip.compress(body, LIVE_COMPRESSION))
        _, body, compressed = self._live[name]
        # The build is told apart from the text: a page that is open asks whether it is still ours.
        headers = {"Cache-Control": "no-store", "Coalmine-Build": self.files.build}
        if takes_gzip(request):
            body = compressed
            headers["Content-Encoding"] = "gzip"
        return web.Response(body=body, content_type="text/html", charset="utf-8", headers=headers)
