"""Graphite's pickle protocol. Pure."""

from __future__ import annotations

import struct

_HEAD = struct.Struct(">I")
_WORD = struct.Struct("<I")
_INT32_MAX = 0x7FFF_FFFF


def encode_point(name: bytes, slot: int) -> bytes:
    """The whole frame, length included, that carries a canary's datapoint.

    It is the protocol 2 pickle of `[(name, (slot, 1))]`, `name` as text.
    """
    when = (
        b"J" + _WORD.pack(slot)
        if 0 <= slot <= _INT32_MAX
        else b"\x8a\x08" + slot.to_bytes(8, "little", signed=True)
    )
    body = b"\x80\x02]X" + _WORD.pack(len(name)) + name + when + b"K\x01\x86\x86a."
    return _HEAD.pack(len(body)) + body
