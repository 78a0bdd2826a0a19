"""URLs of receivers, as settings. Pure."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import urlsplit

from coalmine_runtime.quantities import Address


class WebUrl(NamedTuple):
    """`http://` or `https://`, a host, perhaps a port and a path."""

    text: str
    secure: bool
    loopback: bool

    @classmethod
    def parse(cls, text: str) -> WebUrl:
        """Raises ValueError. User and password are refused: they would show in logs."""
        try:
            parts = urlsplit(text)
            host, port = parts.hostname, parts.port
        except ValueError:
            raise ValueError("expected a URL such as https://host/path") from None
        if parts.username is not None or parts.password is not None:
            raise ValueError("a URL with a user or password in it would show in logs")
        if parts.scheme not in ("http", "https") or not host:
            raise ValueError(f'expected a URL such as https://host/path, not "{text}"')
        if parts.fragment or any(c.isspace() or not c.isprintable() for c in text):
            raise ValueError(f'"{text}" has a fragment or white space')
        loopback = Address(host, port or 0).loopback
        return cls(text, parts.scheme == "https", loopback)

    def __str__(self) -> str:
        return self.text
