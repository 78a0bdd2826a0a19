"""The alphabet of SMS and what fits into its segments (3GPP TS 23.038, 23.040). Pure."""

from __future__ import annotations

import unicodedata

SINGLE, CONCATENATED = 160, 153
"""Septets of a message that stands alone, and of each segment of a longer one."""

MAX_SEGMENTS = 3

_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØøÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENDED = frozenset("^{}\\[~]|€")  # two septets each

_INSTEAD = {
    "…": "...",
    "–": "-",
    "—": "-",
    "‘": "'",
    "’": "'",
    "`": "'",
    "“": '"',
    "”": '"',
    "\t": " ",
}


def spelled(text: str) -> str:
    """The text in the alphabet of SMS: accents go where it has no such letter, `?` is the rest."""
    return "".join(_spelled(c) for c in text)


def fitted(text: str, segments: int, tail: str = "") -> str:
    """As much of `text` as `segments` hold together with `tail`, which is never cut.

    What is left out is told by three dots. Both must be `spelled`. Raises ValueError where the tail
    alone does not fit.
    """
    if segments_of(text + tail) <= segments:
        return text + tail
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        if segments_of(_cut(text, middle) + tail) <= segments:
            low = middle
        else:
            high = middle - 1
    if low == 0:
        raise ValueError("the end of the text alone is too long")
    return _cut(text, low) + tail


def segments_of(text: str) -> int:
    """How many segments a spelled text takes. A character of two septets is never split."""
    if sum(map(_septets, text)) <= SINGLE:
        return 1
    count, room = 1, CONCATENATED
    for c in text:
        if _septets(c) > room:
            count, room = count + 1, CONCATENATED
        room -= _septets(c)
    return count


def _cut(text: str, length: int) -> str:
    return f"{text[:length].rstrip()}..."


def _septets(c: str) -> int:
    return 2 if c in _EXTENDED else 1


def _spelled(c: str) -> str:
    if c in _BASIC or c in _EXTENDED:
        return c
    if c in _INSTEAD:
        return _INSTEAD[c]
    letters = [part for part in unicodedata.normalize("NFKD", c) if not unicodedata.combining(part)]
    if letters and all(part in _BASIC or part in _EXTENDED for part in letters):
        return "".join(letters)
    return "?"
