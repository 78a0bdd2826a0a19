"""The page's files, read once at start and served from memory."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from http import HTTPStatus
from importlib import resources
from importlib.resources.abc import Traversable
from typing import NamedTuple

from aiohttp import web

from coalmine_aggregator.access.roles import Scope
from coalmine_aggregator.web.entrance import needs, open_to_all
from coalmine_aggregator.web.keys import NOW, PULSE

CONTENT_TYPES = {
    ".html": "text/html",
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}

_SNAPSHOT = b'<script type="application/json" id="snapshot">'


class StaticFile(NamedTuple):
    """A file as it is sent; `etag` follows from its content."""

    body: bytes
    content_type: str
    etag: str


def read_files() -> dict[str, StaticFile]:
    """Every file under `static/`, by its path there."""
    found: dict[str, StaticFile] = {}
    _read(resources.files("coalmine_aggregator.web").joinpath("static"), "", found)
    return found


def _read(folder: Traversable, prefix: str, found: dict[str, StaticFile]) -> None:
    for entry in folder.iterdir():
        name = prefix + entry.name
        if entry.is_dir():
            _read(entry, f"{name}/", found)
        elif (content_type := CONTENT_TYPES.get(f".{entry.name.rpartition('.')[2]}")) is not None:
            body = entry.read_bytes()
            etag = hashlib.blake2b(body, digest_size=12).hexdigest()
            found[name] = StaticFile(body, content_type, etag)


class Page:
    """Handlers of the page and of its files."""

    def __init__(self, files: Mapping[str, StaticFile]) -> None:
        self._files = files

    @needs(Scope.READ)
    async def index(self, request: web.Request) -> web.Response:
        """The live page, with the newest snapshot in it: it shows something before the feed is open."""
        snapshot = request.app[PULSE].snapshot(request.app[NOW]())
        # Labels may hold anything; "<" alone could end the element early.
        inside = snapshot.replace(b"<", b"\\u003c")
        body = self._files["index.html"].body.replace(_SNAPSHOT, _SNAPSHOT + inside)
        return web.Response(
            body=body,
            content_type="text/html",
            charset="utf-8",
            headers={"Cache-Control": "no-store"},
        )

    @open_to_all
    async def static(self, request: web.Request) -> web.Response:
        """A file of the page."""
        name = request.match_info["name"]
        if name not in self._files or name.endswith(".html"):
            raise web.HTTPNotFound
        return self._send(request, name)

    def _send(self, request: web.Request, name: str) -> web.Response:
        file = self._files[name]
        etag = f'"{file.etag}"'
        headers = {"ETag": etag, "Cache-Control": "no-cache"}
        if request.headers.get("If-None-Match") == etag:
            return web.Response(status=HTTPStatus.NOT_MODIFIED, headers=headers)
        return web.Response(
            body=file.body, content_type=file.content_type, charset="utf-8", headers=headers
        )
