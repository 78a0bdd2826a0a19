"""URLs of receivers, as settings. Pure."""

from __future__ import annotations

from typing import NamedTuple

from coalmine_runtime.quantities import Address
from coalmine_runtime.url import split_url


class WebUrl(NamedTuple):
    """`http://` or `https://`, a host, perhaps a port and a path."""

    text: str
    secure: bool
    loopback: bool

    @classmethod
    def parse(cls, text: str) -> WebUrl:
        """Raises ValueError. User and password are refused: they would show in logs."""
        url = split_url(text, schemes=("http", "https"), example="https://host/path")
        return cls(text, url.scheme == "https", Address(url.host, url.port or 0).loopback)

    def __str__(self) -> str:
        return self.text
