"""Mail addresses. Pure."""

from __future__ import annotations

import re

MAX_ADDRESS = 254
"""RFC 5321: what fits into the path of an envelope."""

_LOCAL = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_ADDRESS = re.compile(rf"(?P<local>{_LOCAL})@(?P<domain>{_LABEL}(?:\.{_LABEL})*)\Z")


class MailAddress(str):
    """`name@example.com`: no display name, no quoted local part, ASCII alone."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> MailAddress:
        """Raises ValueError."""
        if len(text) > MAX_ADDRESS or not _ADDRESS.match(text):
            raise ValueError(f"expected an address such as name@example.com, not {text[:300]!r}")
        return cls(text)

    @property
    def domain(self) -> str:
        """What follows the @."""
        return self.rpartition("@")[2]
