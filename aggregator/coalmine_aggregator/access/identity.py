"""Who is asking. Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from coalmine_aggregator.access.roles import Role, Scope

MAX_NAME = 255
"""Characters of a name, whoever gave it."""


class Via(StrEnum):
    """How somebody is known."""

    TOKEN = "token"  # noqa: S105 - the word, not one of them
    OIDC = "oidc"
    PROXY = "proxy"
    LOCAL = "local"
    HOOK = "hook"


class Identity(NamedTuple):
    """Somebody who was let in.

    `csrf` is what a request that changes something must repeat in the header `X-Coalmine-CSRF`; it is
    empty for a bearer token, which no browser sends by itself. `until` is when a session ends, in
    seconds since the epoch, and `session` its id, empty without one.
    """

    name: str
    role: Role
    scopes: frozenset[Scope]
    via: Via
    address: str
    csrf: str = ""
    until: float | None = None
    session: str = ""

    def may(self, scope: Scope) -> bool:
        """Whether that is among what may be done."""
        return scope in self.scopes


def is_name(text: str) -> bool:
    """Whether this can be somebody's name: printable, not blank, not too long."""
    return 0 < len(text) <= MAX_NAME and text.isprintable() and not text.isspace()
