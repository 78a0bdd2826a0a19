"""The page's files, read once at start and served from memory, and the login that goes with them."""

from __future__ import annotations

import hashlib
from http import HTTPStatus
from importlib import resources
from importlib.resources.abc import Traversable
from typing import NamedTuple

from aiohttp import web

from coalmine_aggregator.web.keys import ACCESS, NOW, PULSE
from coalmine_aggregator.web.problems import ProblemError
from coalmine_runtime.logs import get_logger

log = get_logger("web")

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
    """Handlers of the page, of its files and of the login."""

    def __init__(self) -> None:
        self._files = read_files()

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

    async def static(self, request: web.Request) -> web.Response:
        """A file of the page."""
        name = request.match_info["name"]
        if name not in self._files or name.endswith(".html"):
            raise web.HTTPNotFound
        return self._send(request, name)

    async def login(self, request: web.Request) -> web.Response:
        """The form that takes a token."""
        if not request.app[ACCESS].required:
            raise web.HTTPSeeOther("/")
        return self._send(request, "login.html")

    async def open_session(self, request: web.Request) -> web.Response:
        """Trades a token for a session cookie."""
        _same_site(request)
        access = request.app[ACCESS]
        token = (await request.post()).get("token", "")
        session = access.open_session(token, request.app[NOW]()) if isinstance(token, str) else None
        if session is None:
            log.warning("web.login.refused", remote=request.remote)
            # The same form, with the line shown that says so.
            body = self._files["login.html"].body.replace(b" hidden", b"")
            return web.Response(
                body=body, status=HTTPStatus.FORBIDDEN, content_type="text/html", charset="utf-8"
            )
        log.info("web.login.accepted", remote=request.remote)
        response = web.HTTPSeeOther("/")
        response.set_cookie(
            access.cookie,
            session,
            max_age=access.session_s,
            path="/",
            secure=access.secure,
            httponly=True,
            samesite="Strict",
        )
        raise response

    async def close_session(self, request: web.Request) -> web.Response:
        """Forgets the session."""
        _same_site(request)
        access = request.app[ACCESS]
        response = web.HTTPSeeOther("/login")
        response.del_cookie(access.cookie, path="/", secure=access.secure, httponly=True)
        raise response

    def _send(self, request: web.Request, name: str) -> web.Response:
        file = self._files[name]
        etag = f'"{file.etag}"'
        headers = {"ETag": etag, "Cache-Control": "no-cache"}
        if request.headers.get("If-None-Match") == etag:
            return web.Response(status=HTTPStatus.NOT_MODIFIED, headers=headers)
        return web.Response(
            body=file.body, content_type=file.content_type, charset="utf-8", headers=headers
        )


def _same_site(request: web.Request) -> None:
    """Refuses a form that a page of another site sends."""
    origin = request.headers.get("Origin")
    foreign = origin is not None and origin.partition("://")[2] != request.headers.get("Host")
    if foreign or request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        raise ProblemError(HTTPStatus.FORBIDDEN, "foreign-form", "This form is for our own page only.")
