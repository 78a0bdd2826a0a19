"""Text that stays text: what a label, a name or a note may hold, made fit for any message. Pure."""

from __future__ import annotations

import unicodedata

_NEVER = frozenset({"Cc", "Cs", "Zl", "Zp"})
"""Control characters, halves of surrogate pairs, and the separators that some take for newlines."""

_DIRECTIONS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""What turns the direction of writing, and so can make a text read other than it is."""


def plain(text: str) -> str:
    """The text with a space for each character that is more than text; newlines stay."""
    if text.isascii() and text.replace("\n", "").isprintable():
        return text
    return "".join(" " if _is_more_than_text(c) and c != "\n" else c for c in text)


def one_line(text: str) -> str:
    """The same on one line, with single spaces between words."""
    return " ".join(plain(text).split())


def cut(text: str, longest: int) -> str:
    """At most `longest` characters, the last of them an ellipsis where something is left out."""
    return text if len(text) <= longest else f"{text[: longest - 1].rstrip()}…"


def _is_more_than_text(c: str) -> bool:
    return c in _DIRECTIONS or unicodedata.category(c) in _NEVER
