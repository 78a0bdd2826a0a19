"""URLs in settings: taken apart, with errors that never repeat a password. Pure."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple
from urllib.parse import urlsplit

from coalmine_runtime.quantities import is_host


class Url(NamedTuple):
    """`port` is None where the URL has none; `path` and `query` are empty where it has none."""

    scheme: str
    host: str
    port: int | None
    path: str
    query: str


def split_url(text: str, *, schemes: Collection[str], example: str) -> Url:
    """A URL of one of `schemes`, without user, password or fragment.

    Raises ValueError. `example` shows the reader what is expected.
    """
    expected = f"expected a URL such as {example}"
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError(expected) from None
    if parts.username is not None or parts.password is not None:
        raise ValueError("user and password have keys of their own: in a URL they would show in logs")
    if parts.scheme not in schemes or not host or port == 0 or parts.fragment:
        # With a slash or the scheme left out, user and password are anywhere in the text.
        raise ValueError(expected if "@" in text else f'{expected}, not "{text}"')
    if not all("!" <= c <= "~" for c in text):
        raise ValueError("a URL has only printable ASCII characters, and no spaces")
    if not is_host(host):
        raise ValueError(f'"{host}" is no host name')
    return Url(parts.scheme, host, port, parts.path, parts.query)
