"""Who was expected: the bytes of a mask over the numbers of a service's series. Pure.

A version (1 byte), the width (4 bytes, little-endian), a zlib stream of a bit for each number, then the
check of `seal`.
"""

from __future__ import annotations

import zlib
from typing import Final

import numpy as np
from numpy.typing import NDArray

from coalmine_aggregator.history.minute_layout import MAX_NUMBERS
from coalmine_aggregator.history.seal import sealed, unpacked, unsealed

_VERSION: Final = 1
_HEAD: Final = 5


class RosterError(ValueError):
    """Bytes that are no roster; says why."""


def encode(mask: NDArray[np.bool_]) -> bytes:
    """The bytes of bool[numbers]. Raises ValueError beyond `MAX_NUMBERS`."""
    if mask.ndim != 1 or len(mask) > MAX_NUMBERS:
        raise ValueError(f"a mask of shape {mask.shape}, expected at most {MAX_NUMBERS} numbers")
    bits = np.packbits(mask.astype(np.bool_), bitorder="little").tobytes()
    return sealed(bytes((_VERSION,)) + len(mask).to_bytes(4, "little") + zlib.compress(bits))


def decode(data: bytes) -> NDArray[np.bool_]:
    """bool[numbers] of these bytes. Raises `RosterError`."""
    body = unsealed(data)
    width = int.from_bytes(body[1:_HEAD], "little")
    if len(body) < _HEAD:
        raise RosterError(f"a damaged roster of {len(data)} bytes: a check that fails")
    if body[0] != _VERSION or width > MAX_NUMBERS:
        raise RosterError(f"a roster of version {body[0]} and width {width}")
    bits = unpacked(body[_HEAD:], (width + 7) // 8 + 1)
    if bits is None or len(bits) != (width + 7) // 8:
        raise RosterError(f"a damaged roster of {len(data)} bytes: not {width} bits")
    return np.unpackbits(np.frombuffer(bits, dtype=np.uint8), count=width, bitorder="little").view(
        np.bool_
    )
