"""Public ids: twelve characters that stay the same for good. Pure."""

from __future__ import annotations

import base64
import hashlib
from typing import Final

LENGTH: Final = 12


def public_id(fleet: str, page: str, kind: str, *parts: object) -> str:
    """The id of what `kind` and `parts` name on the page with this key, of this fleet."""
    text = "\0".join((fleet, page, kind, *map(str, parts)))
    digest = hashlib.blake2b(text.encode(), digest_size=10, person=b"coalmine.status").digest()
    return base64.b32encode(digest).decode().lower()[:LENGTH]
