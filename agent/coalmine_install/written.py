"""The head of a configuration that was written by us: how it came to be, and whether it is as it was
written. Pure."""

from __future__ import annotations

import hashlib
import re

_HEAD = re.compile(
    r"# Written by install\.sh of Coalmine (?P<version>\S+) with: (?P<how>.*)\n"
    r"# Edit it as you like: it is then left alone\. As written: (?P<sum>[0-9a-f]{16})\n"
)


def with_head(body: str, version: str, how: str) -> str:
    """The whole file."""
    return (
        f"# Written by install.sh of Coalmine {version} with: {how}\n"
        f"# Edit it as you like: it is then left alone. As written: {_sum(body)}\n{body}"
    )


def how_written(text: str) -> str | None:
    """From which template and values, where nobody has edited it since; None otherwise."""
    head = _HEAD.match(text)
    if head is None or _sum(text[head.end() :]) != head["sum"]:
        return None
    return head["how"]


def version_written(text: str) -> str | None:
    """By which version it was written, edited or not; None where it was not."""
    head = _HEAD.match(text)
    return head["version"] if head else None


def _sum(body: str) -> str:
    return hashlib.sha256(body.encode()).hexdigest()[:16]
