"""Signatures of Standard Webhooks (standardwebhooks.com), symmetric kind. Pure."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence

PREFIX = "whsec_"

MIN_BYTES, MAX_BYTES = 24, 64
"""The length of a secret that the standard asks for."""


def parse_secrets(text: str) -> tuple[bytes, ...]:
    """The keys of one or more secrets with white space between, in their order.

    Raises ValueError, without repeating the secret.
    """
    keys = tuple(_parse(word) for word in text.split())
    if not keys:
        raise ValueError("no secret")
    return keys


def sign(keys: Sequence[bytes], message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The three headers. There is a signature for each key, so that a receiver may know either."""
    content = f"{message_id}.{timestamp}.".encode() + body
    signatures = [
        "v1," + base64.b64encode(hmac.digest(key, content, hashlib.sha256)).decode() for key in keys
    ]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(signatures),
    }


def _parse(word: str) -> bytes:
    if not word.startswith(PREFIX):
        raise ValueError(f"expected {PREFIX} and base64")
    try:
        key = base64.b64decode(word.removeprefix(PREFIX), validate=True)
    except binascii.Error:
        raise ValueError(f"what follows {PREFIX} is no base64") from None
    if not MIN_BYTES <= len(key) <= MAX_BYTES:
        raise ValueError(f"{len(key)} bytes, expected {MIN_BYTES} to {MAX_BYTES}")
    return key
