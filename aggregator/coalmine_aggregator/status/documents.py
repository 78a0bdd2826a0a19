"""A public document as it is sent: whole, compressed, and with what caches are told. Pure."""

from __future__ import annotations

import hashlib
import zlib
from email.utils import formatdate
from typing import Final, NamedTuple

POLICY: Final = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'"
)
"""The content policy of every page. The pages name it too, for hosts that send no headers of ours."""

# What is shown changes each second, and a reader in need presses reload: a few seconds take the crowd
# off the server. A cache in front may answer with what it has while it asks for newer, so that nobody
# waits, and go on with that when the server is gone.
LIVE: Final = "public, max-age=5, stale-while-revalidate=5, stale-if-error=86400"
# What tells of the past changes rarely, and readers of feeds ask seldom.
SETTLED: Final = "public, max-age=60, stale-while-revalidate=60, stale-if-error=604800"
# The name of an asset changes with its content.
KEPT: Final = "public, max-age=31536000, immutable"

HTML: Final = "text/html; charset=utf-8"
JSON: Final = "application/json; charset=utf-8"
ATOM: Final = "application/atom+xml; charset=utf-8"
RSS: Final = "application/rss+xml; charset=utf-8"
PLAIN: Final = "text/plain; charset=utf-8"
CSS: Final = "text/css; charset=utf-8"
SCRIPT: Final = "text/javascript; charset=utf-8"
SVG: Final = "image/svg+xml; charset=utf-8"

_TO_ANYONE = (JSON, ATOM, RSS)

# Of 280 KB of bars it makes 18 KB in a millisecond; the highest level takes four for a tenth less.
_LEVEL: Final = 6
_GZIP: Final = 31  # a window of 32 KiB and the head of a gzip file, which names no time


class Document(NamedTuple):
    """`gzip` is the body compressed, empty where that would not pay. `etag` is quoted and weak, since
    one stands for both; the same body has the same. `last_modified` is when the content changed
    (seconds since the epoch)."""

    body: bytes
    gzip: bytes
    content_type: str
    etag: str
    last_modified: int
    cache_control: str

    def headers(self) -> dict[str, str]:
        """All that goes with it, whether it is sent whole, compressed or not at all (304)."""
        headers = {
            "Content-Type": self.content_type,
            "ETag": self.etag,
            "Last-Modified": formatdate(self.last_modified, usegmt=True),
            "Cache-Control": self.cache_control,
            "Vary": "Accept-Encoding",
            "X-Content-Type-Options": "nosniff",
        }
        if self.content_type == HTML:
            headers["Content-Security-Policy"] = f"{POLICY}; frame-ancestors 'none'"
            headers["Referrer-Policy"] = "no-referrer"
        if self.content_type in _TO_ANYONE:
            # Scripts of any page may read it, as they may at Statuspage.
            headers["Access-Control-Allow-Origin"] = "*"
        return headers


def document(body: bytes, content_type: str, cache_control: str, last_modified: int) -> Document:
    """A document; the same body gives the same bytes and the same tag, always."""
    gzip = zlib.compress(body, _LEVEL, _GZIP)
    smaller = gzip if len(gzip) < len(body) else b""
    return Document(body, smaller, content_type, etag_of(body), last_modified, cache_control)


def etag_of(body: bytes) -> str:
    """The tag of a body."""
    return f'W/"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'
