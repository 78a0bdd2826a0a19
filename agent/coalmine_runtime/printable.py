"""What came from elsewhere must not drive a terminal, nor forge or hide a part of a line. Pure.

Among what is not printable are control characters (also DEL, and those from U+0080 on, of which U+009B
starts a sequence as ESC [ does), marks that turn the direction of writing, halves of surrogate pairs.
"""

from __future__ import annotations

import json
from collections.abc import Callable


def printable(text: str) -> str:
    """The text with an escape shown as `\\x1b`."""
    return _escaped(text, lambda c: c.encode("unicode_escape").decode())


def printable_json(text: str) -> str:
    """The same JSON document, with `\\u009b` in its strings; its lines stay lines."""
    return _escaped(text, _json_escape)


def quoted(text: str) -> str:
    """The text as a JSON string, of which the same holds."""
    return printable_json(json.dumps(text, ensure_ascii=False))


def _escaped(text: str, escape: Callable[[str], str]) -> str:
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else escape(c) for c in text)


def _json_escape(character: str) -> str:
    if character in "\t\n\r":  # never in a string
        return "\n" if character == "\n" else " "
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[i : i + 2].hex()}" for i in range(0, len(units), 2))
