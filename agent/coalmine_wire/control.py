"""Which datapoints a control agent loses on purpose: a keyed hash of series and slot decides. Pure.

Agent and aggregator hold the same key and reach the same answer, each alone; whoever has no key cannot
tell a withheld datapoint from one that was sent, so nothing in between can treat them apart. The
aggregator must count exactly the withheld ones lost.

A datapoint is withheld where the first eight bytes of HMAC-SHA256(key, "<series name> <slot>"), as a
big-endian number, are below share x 2^64. The series name is the Graphite name without a prefix.
"""

from __future__ import annotations

import hashlib
import hmac
import math

MIN_KEY_BYTES = 16
"""A shorter key could be guessed from what was lost."""

MAX_SHARE = 0.5
"""With more withheld than sent, too little is left that must not be counted lost."""

_DIGEST = hashlib.sha256().name
_NUMBERS = 1 << 64


def number_of(key: bytes, series_name: str, slot: int) -> int:
    """The number in [0, 2^64) that decides over a datapoint, spread evenly."""
    message = f"{series_name} {slot}".encode("ascii")
    return int.from_bytes(hmac.digest(key, message, _DIGEST)[:8], "big")


def fingerprint(key: bytes) -> str:
    """What tells one key from another and does not give it away: eight hexadecimal digits."""
    return hmac.digest(key, b"coalmine control key", _DIGEST)[:4].hex()


class Choice:
    """The choice that a key and a share make. What a share withholds, any larger one does, too."""

    __slots__ = ("_below", "_key", "share")

    def __init__(self, key: bytes, share: float) -> None:
        """Raises ValueError for a key that is too short or a share that is not in (0, `MAX_SHARE`]."""
        if len(key) < MIN_KEY_BYTES:
            raise ValueError(f"a key of {len(key)} bytes, at least {MIN_KEY_BYTES}")
        if not 0.0 < share <= MAX_SHARE:
            raise ValueError(f"a share of {share}, more than 0 and at most {MAX_SHARE}")
        self.share = share
        self._key = key
        self._below = math.floor(share * _NUMBERS)  # exact: the factor is a power of two

    @property
    def fingerprint(self) -> str:
        """That of the key."""
        return fingerprint(self._key)

    def withholds(self, series_name: str, slot: int) -> bool:
        """Whether the datapoint of `series_name` in `slot` is withheld."""
        return number_of(self._key, series_name, slot) < self._below


def agreed(key: bytes, share: float, key_told: str) -> Choice | None:
    """The choice that a birth tells (`control_share`, `control_key`), for whoever has `key`.

    None where the birth tells none that `key` can follow: another key, a share that is out of bounds.
    """
    if key_told != fingerprint(key):
        return None
    try:
        return Choice(key, share)
    except ValueError:
        return None
