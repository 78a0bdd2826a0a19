"""Phone numbers. Pure."""

from __future__ import annotations

import re

_E164 = re.compile(r"\+[1-9][0-9]{6,14}\Z")


class Phone(str):
    """`+353861234567`: a number with its country code, as ITU-T E.164 has it."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Phone:
        """Raises ValueError. White space, hyphens and brackets between the digits are left out."""
        digits = re.sub(r"[ ()-]", "", text)
        if not _E164.match(digits):
            raise ValueError(
                f"expected a number with its country code such as +353861234567, not {text[:40]!r}"
            )
        return cls(digits)
