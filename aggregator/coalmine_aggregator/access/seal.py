"""Text that a browser keeps for us and cannot change: what it holds, and an HMAC of it. Pure."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac

MAX_SEALED = 4000
"""Characters; browsers keep no longer cookie."""

_MAC_BYTES = 32


class Seal:
    """Seals for one purpose, so that what was sealed for another opens nothing here."""

    def __init__(self, secret: bytes, purpose: str) -> None:
        self._key = hmac.digest(secret, f"coalmine {purpose} v1".encode(), hashlib.sha256)

    def close(self, content: bytes) -> str:
        """The content, sealed, as characters that a cookie may have."""
        return base64.urlsafe_b64encode(self._mac(content) + content).rstrip(b"=").decode()

    def open(self, text: str) -> bytes | None:
        """What was sealed; None for anything that is not just as it was sealed here."""
        if len(text) > MAX_SEALED or not text.isascii():
            return None
        try:
            whole = base64.b64decode(f"{text}{'=' * (-len(text) % 4)}", altchars=b"-_", validate=True)
        except binascii.Error:
            return None
        mac, content = whole[:_MAC_BYTES], whole[_MAC_BYTES:]
        return content if hmac.compare_digest(mac, self._mac(content)) else None

    def derive(self, content: str) -> str:
        """A secret of our own that goes with this content, for whoever may know it."""
        return hmac.new(self._key, b"derived " + content.encode(), hashlib.sha256).hexdigest()

    def _mac(self, content: bytes) -> bytes:
        return hmac.digest(self._key, b"sealed " + content, hashlib.sha256)
