"""The pages that people look at."""

from __future__ import annotations

import gzip
import html

from aiohttp import web

from coalmine_aggregator.access.roles import Scope
from coalmine_aggregator.web.entrance import needs, open_to_all
from coalmine_aggregator.web.keys import NOW, PULSE, VIEW
from coalmine_aggregator.web.static_files import StaticFiles, takes_gzip

_SNAPSHOT = b'<script type="application/json" id="snapshot">'
_FLEET = b'<span id="fleet">'
_PLACE = b"<!-- remediation -->"
_LINK = b' <a href="/remediation">Remediation</a>'

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

    @needs(Scope.READ)
    async def incidents(self, request: web.Request) -> web.Response:
        """All incidents. The page asks the API for them, so that it shows what that lets it see."""
        return self._asking(request, "incidents.html")

    @needs(Scope.READ)
    async def incident(self, request: web.Request) -> web.Response:
        """One of them, by the number in its address."""
        return self._asking(request, "incident.html")

    @needs(Scope.READ)
    async def remediation(self, request: web.Request) -> web.Response:
        """Which nodes are out, and why; nothing here where no service opted in."""
        if request.app[VIEW].remediation is None:
            raise web.HTTPNotFound
        return self._asking(request, "remediation.html")

    @open_to_all
    async def static(self, request: web.Request) -> web.Response:
        """A file of the page."""
        return self.files.asset(request)

    def _with_snapshot(self, request: web.Request, name: str) -> web.Response:
        snapshot = request.app[PULSE].snapshot(request.app[NOW]())
        # Labels may hold anything; "<" alone could end the element early.
        return self._filled(request, name, _SNAPSHOT, snapshot.replace(b"<", b"\\u003c"))

    def _asking(self, request: web.Request, name: str) -> web.Response:
        fleet = html.escape(request.app[VIEW].health().fleet)
        return self._filled(request, name, _FLEET, fleet.encode())

    def _filled(self, request: web.Request, name: str, hole: bytes, inside: bytes) -> web.Response:
        if name not in self._live or self._live[name][0] != inside:
            link = b"" if request.app[VIEW].remediation is None else _LINK
            body = self.files.body(name).replace(_PLACE, link).replace(hole, hole + inside)
            self._live[name] = (inside, body, gzip.compress(body, LIVE_COMPRESSION))
        _, body, compressed = self._live[name]
        # The build is told apart from the text: a page that is open asks whether it is still ours.
        headers = {"Cache-Control": "no-store", "Coalmine-Build": self.files.build}
        if takes_gzip(request):
            body = compressed
            headers["Content-Encoding"] = "gzip"
        return web.Response(body=body, content_type="text/html", charset="utf-8", headers=headers)
