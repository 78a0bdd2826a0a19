"""Text within Markdown, so that a reader and a parser get it back as it is. Pure.

Emphasis, lists, links and code stay as people wrote them. What would end a section, begin another, or
be HTML is escaped with a backslash, as in https://spec.commonmark.org/0.31.2/#backslash-escapes.
"""

from __future__ import annotations

import re
import string
from typing import Final

_PUNCTUATION: Final = re.escape(string.punctuation)
_ESCAPED: Final = re.compile(rf"\\([{_PUNCTUATION}])")
_BACKSLASH: Final = re.compile(rf"\\(?=[{_PUNCTUATION}]|$)", re.MULTILINE)
_HTML: Final = re.compile(r"[<&]")
_STRUCTURE: Final = re.compile(r"^([ \t]*)(#|```|~~~|[-=]+[ \t]*$|\[[^\]\n]*\]:)", re.MULTILINE)
"""What begins a line and means more than text: a heading, a fence, the line under a heading or across
the page, a reference that is not shown."""

_BREAK: Final = "<br>"
_CELL: Final = re.compile(rf"\\(?P<escaped>[{_PUNCTUATION}])|(?P<break><br ?/?>)|(?P<end>\|)")


def escaped(text: str) -> str:
    """Lines of text as lines of Markdown."""
    return _STRUCTURE.sub(r"\1\\\2", _inline(text))


def unescaped(text: str) -> str:
    """The text that `escaped` gave, or that somebody wrote."""
    return _ESCAPED.sub(r"\1", text)


def item(text: str, bullet: str = "- ") -> str:
    """Lines of text as one item of a list; further lines are indented by two blanks."""
    first, *others = escaped(text).split("\n")
    return "\n".join([bullet + first, *(f"  {line}" if line else "" for line in others)])


def cell(text: str) -> str:
    """Lines of text as a cell of a table."""
    return _inline(text).replace("|", "\\|").replace("\n", _BREAK)


def row(*cells: str) -> str:
    """Cells, escaped already, as a line of a table."""
    return f"| {' | '.join(cells)} |"


def heads(*names: str) -> str:
    """The first two lines of a table."""
    return f"{row(*names)}\n{row(*('---' for _ in names))}"


def cells(line: str) -> list[str]:
    """The texts of the cells of such a line."""
    found, text, at = [], "", 0
    line = line.strip().removeprefix("|")
    for match in _CELL.finditer(line):
        text += line[at : match.start()]
        at = match.end()
        if match["end"]:
            found.append(text.strip())
            text = ""
        else:
            text += match["escaped"] or "\n"
    text += line[at:]
    return [*found, text.strip()] if text.strip() else found


def _inline(text: str) -> str:
    return _HTML.sub(r"\\\g<0>", _BACKSLASH.sub(r"\\\\", text))
