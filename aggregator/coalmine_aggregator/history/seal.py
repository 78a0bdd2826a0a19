"""A check at the end of every row, so that a flipped bit is damage and no wrong number. Pure.

Two bytes, little-endian: the lower half of the CRC-32 of all before them. Databases do not do it for
us.
"""

from __future__ import annotations

import zlib
from typing import Final

SEAL: Final = 2
"""Bytes of the check."""


def sealed(body: bytes) -> bytes:
    """The body and its check."""
    return body + (zlib.crc32(body) & 0xFFFF).to_bytes(SEAL, "little")


def unsealed(data: bytes) -> bytes:
    """The body; nothing, if it does not pass its check."""
    body = data[:-SEAL]
    return body if len(data) > SEAL and zlib.crc32(body) & 0xFFFF == data[-2] | data[-1] << 8 else b""


def unpacked(stream: bytes, most: int) -> bytes | None:
    """What a whole zlib stream holds; None if it is none, or holds more than `most` bytes."""
    inflate = zlib.decompressobj()
    try:
        body = inflate.decompress(stream, most)
    except zlib.error:
        return None
    return body if inflate.eof and not inflate.unused_data else None
