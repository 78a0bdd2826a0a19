"""The page's files: read and put together once at start, compressed once, served from memory.

Their addresses carry a hash over all of them, `/static/<build>/js/page.js`, so that a browser may keep
them for good and still never mixes two versions: the pages themselves name the addresses.
"""

from __future__ import annotations

import gzip
import hashlib
import posixpath
from http import HTTPStatus
from importlib import resources
from importlib.resources.abc import Traversable
from typing import NamedTuple

from aiohttp import web

from coalmine_aggregator.web.bundle import bundled

CONTENT_TYPES = {
    ".html": "text/html",
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
    ".txt": "text/plain",
}

ROOT = "/static/"
KEPT = "public, max-age=31536000, immutable"
CHECKED = "no-cache"

_BUILD = b'<html lang="en"'


class StaticFile(NamedTuple):
    """A file as it is sent: as it is, and compressed (empty where that would not pay)."""

    body: bytes
    compressed: bytes
    content_type: str


class StaticFiles:
    """What is served of the files under `static/`: see `bundle.bundled`."""

    def __init__(self, files: dict[str, bytes] | None = None) -> None:
        files = read_files() if files is None else files
        digest = hashlib.blake2b(digest_size=8)
        for name in sorted(files):
            digest.update(b"%b\0%d\0%b" % (name.encode(), len(files[name]), files[name]))
        self.build = digest.hexdigest()
        """Changes whenever any file does."""
        self._files = {
            name: _prepared(name, self._addressed(name, body)) for name, body in bundled(files).items()
        }

    def body(self, name: str) -> bytes:
        """A file as it is sent, its addresses filled in. Raises `KeyError`."""
        return self._files[name].body

    def names(self) -> list[str]:
        """Every file."""
        return sorted(self._files)

    def asset(self, request: web.Request) -> web.Response:
        """What `/static/<build>/<name>` names. Raises `HTTPNotFound`."""
        name = request.match_info["name"]
        if name not in self._files or name.endswith(".html"):
            raise web.HTTPNotFound
        ours = request.match_info["build"] == self.build
        return self.send(request, name, KEPT if ours else CHECKED)

    def send(self, request: web.Request, name: str, cache: str = CHECKED) -> web.Response:
        """A file, compressed where the browser takes that; nothing where it has it already."""
        file = self._files[name]
        # One build is one state of every file; a page is a file of it too.
        etag = f'"{self.build}"'
        headers = {"ETag": etag, "Cache-Control": cache, "Vary": "Accept-Encoding"}
        if request.headers.get("If-None-Match") == etag:
            return web.Response(status=HTTPStatus.NOT_MODIFIED, headers=headers)
        body = file.body
        if file.compressed and takes_gzip(request):
            body = file.compressed
            headers["Content-Encoding"] = "gzip"
        return web.Response(body=body, content_type=file.content_type, charset="utf-8", headers=headers)

    def _addressed(self, name: str, body: bytes) -> bytes:
        """A page with the build in its addresses."""
        if not name.endswith(".html"):
            return body
        body = body.replace(_BUILD, b'%b data-build="%b"' % (_BUILD, self.build.encode()), 1)
        return body.replace(b'"/static/', b'"/static/%b/' % self.build.encode())


def read_files() -> dict[str, bytes]:
    """Every file under `static/` that can be served, by its path there."""
    found: dict[str, bytes] = {}
    _read(resources.files("coalmine_aggregator.web").joinpath("static"), "", found)
    return found


def takes_gzip(request: web.Request) -> bool:
    """Whether the browser takes a compressed answer."""
    for part in request.headers.get("Accept-Encoding", "").lower().split(","):
        coding, _, quality = part.partition(";")
        if coding.strip() == "gzip":
            return quality.replace(" ", "") not in ("q=0", "q=0.0")
    return False


def _prepared(name: str, body: bytes) -> StaticFile:
    compressed = gzip.compress(body, 9, mtime=0)
    return StaticFile(
        body, compressed if len(compressed) < len(body) else b"", CONTENT_TYPES[_suffix(name)]
    )


def _suffix(name: str) -> str:
    return posixpath.splitext(name)[1]


def _read(folder: Traversable, prefix: str, found: dict[str, bytes]) -> None:
    for entry in folder.iterdir():
        name = prefix + entry.name
        if entry.is_dir():
            _read(entry, f"{name}/", found)
        elif _suffix(entry.name) in CONTENT_TYPES:
            found[name] = entry.read_bytes()
