"""What a request for the public page is answered with. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Final, NamedTuple

from coalmine_aggregator.status.documents import PLAIN, Document
from coalmine_aggregator.status.render import Rendered
from coalmine_aggregator.web.guard import host_name, is_address

METHODS: Final = ("GET", "HEAD")

HEALTH: Final = "/healthz"
"""Whether there is a site to show; for whoever balances or restarts."""

HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cross-Origin-Opener-Policy": "same-origin",
}
"""On every answer."""

_BARE: Final = {
    "Content-Type": PLAIN,
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
}
"""On those that are no documents."""

_NOT_FOUND: Final = "404.html"

RETRY_S: Final = 5
"""When to ask again where there is nothing to show yet."""


class Asked(NamedTuple):
    """A request: `path` is what it asks for without a query, as it was sent; the names of `headers` are
    in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]

    @property
    def host(self) -> str:
        """The name under which it came."""
        return host_name(self.headers.get("host", ""))

    @property
    def has_body(self) -> bool:
        """Whether one is announced."""
        length = self.headers.get("content-length", "0")
        return "transfer-encoding" in self.headers or length.strip("0") != ""


class Answer(NamedTuple):
    """`closes` says that the connection is of no use any more."""

    status: HTTPStatus
    headers: Mapping[str, str]
    body: bytes = b""
    closes: bool = False


def answer(asked: Asked, site: Rendered | None, hosts: Collection[str] = ()) -> Answer:
    """The answer. `site` is what there is to show, None where there is nothing yet; `hosts` are the
    names under which the page may be asked for, besides literal addresses; any where there are none.
    What is refused is refused without a word about what there is."""
    if hosts and asked.host not in hosts and not is_address(asked.host):
        return bare(HTTPStatus.MISDIRECTED_REQUEST, closes=True)
    if asked.has_body:
        return bare(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, closes=True)
    if asked.method not in METHODS:
        return bare(HTTPStatus.METHOD_NOT_ALLOWED, {"Allow": ", ".join(METHODS)}, closes=True)
    if site is None:
        return bare(HTTPStatus.SERVICE_UNAVAILABLE, {"Retry-After": str(RETRY_S)})
    if asked.path == HEALTH:
        return bare(HTTPStatus.OK)
    found = site.find(asked.path)
    if found is None:
        page = site.get(_NOT_FOUND)
        return bare(HTTPStatus.NOT_FOUND) if page is None else _missing(page, asked.headers)
    if found.document is None:
        return bare(HTTPStatus.MOVED_PERMANENTLY, {"Location": found.location})
    return _shown(found.document, asked.headers)


def bare(status: HTTPStatus, more: Mapping[str, str] | None = None, *, closes: bool = False) -> Answer:
    """An answer that says no more than its status."""
    body = f"{status.phrase}\n".encode()
    return Answer(status, {**HEADERS, **_BARE, **(more or {})}, body, closes)


def _shown(document: Document, headers: Mapping[str, str]) -> Answer:
    ours = {**HEADERS, **document.headers()}
    if _has_it(document, headers):
        return Answer(HTTPStatus.NOT_MODIFIED, ours)
    body = document.body
    if document.gzip and takes_gzip(headers.get("accept-encoding", "")):
        body, ours["Content-Encoding"] = document.gzip, "gzip"
    return Answer(HTTPStatus.OK, ours, body)


def _missing(page: Document, headers: Mapping[str, str]) -> Answer:
    shown = _shown(page, {"accept-encoding": headers.get("accept-encoding", "")})
    ours = {name: value for name, value in shown.headers.items() if name not in _OF_A_STATE}
    return Answer(HTTPStatus.NOT_FOUND, {**ours, "Cache-Control": "no-store"}, shown.body)


_OF_A_STATE: Final = ("ETag", "Last-Modified")


def _has_it(document: Document, headers: Mapping[str, str]) -> bool:
    """Whether who asks has this very document, see RFC 9110, 13.1."""
    known = headers.get("if-none-match")
    if known is not None:
        tags = [tag.strip().removeprefix("W/") for tag in known.split(",")]
        return "*" in tags or document.etag.removeprefix("W/") in tags
    since = headers.get("if-modified-since")
    if since is None:
        return False
    try:
        return document.last_modified <= parsedate_to_datetime(since).timestamp()
    except (ValueError, OverflowError):  # no date: as if it was not there
        return False


def takes_gzip(accepted: str) -> bool:
    """Whether an Accept-Encoding header takes it."""
    for part in accepted.lower().split(","):
        coding, _, quality = part.partition(";")
        if coding.strip() in ("gzip", "*"):
            return quality.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False
