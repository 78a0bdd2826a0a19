"""One line of the audit log. Pure."""

from __future__ import annotations

from typing import NamedTuple

MAX_TEXT = 255
MAX_DETAIL = 4000


class AuditEntry(NamedTuple):
    """Who did what, to what.

    `at` is seconds since the epoch, `actor` a name, `via` how it was known (token, oidc, proxy,
    local, hook),
    `address` where the request came from, `action` a dotted word such as `session.begin`, `object_`
    what it was done to, `detail` a JSON object. `number` counts entries, 0 while it is not stored.
    """

    at: float
    actor: str
    role: str
    via: str
    address: str
    action: str
    object_: str = ""
    detail: str = "{}"
    number: int = 0


def plain(text: str, limit: int = MAX_TEXT) -> str:
    """The text as any database and log takes it: bounded, without control characters or halves of
    surrogate pairs."""
    text = text if len(text) <= limit else f"{text[: limit - 3]}..."
    return "".join(each if each.isprintable() else "\ufffd" for each in text)
