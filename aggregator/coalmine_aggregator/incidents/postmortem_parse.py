"""What people wrote, out of a post-mortem's document. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from coalmine_aggregator.incidents import markdown
from coalmine_aggregator.incidents.postmortem_sections import MADE, Section
from coalmine_aggregator.model.incident import ActionItem, Participant, Postmortem

LONGEST: Final = 8_000_000
"""Characters of a document; the longest timeline is a part of it."""

_HEADING: Final = re.compile(r"##[ \t]+(.*?)[ \t#]*\Z")
_REMARK: Final = re.compile(r"[ \t]*<!--.*-->[ \t]*\Z")
_ITEM: Final = re.compile(r"[-*+][ \t]+(.*)\Z", re.DOTALL)
_NAME: Final = re.compile(r"(?P<name>(?:\\.|[^\\:])*)(?::(?P<role>.*))?\Z", re.DOTALL)
_RULE: Final = re.compile(r"[|:\- \t]+\Z")

_BY_NAME: Final = {section.lower(): section for section in Section}
_DONE: Final = {"yes": True, "x": True, "[x]": True, "no": False, "": False, "[ ]": False}
_COLUMNS: Final = 4
_FEWEST: Final = 3  # what is due at no date may end before


class _Line(NamedTuple):
    number: int
    text: str


def parse(text: str) -> Postmortem:
    """What people wrote; the rest of the document is made anew each time, and not read.

    Raises ValueError that begins with the line which cannot be, as in `line 12: ...`."""
    if len(text) > LONGEST:
        raise ValueError(f"line 1: the document has more than {LONGEST:,} characters")
    sections = _sections(text.replace("\r\n", "\n"))
    return Postmortem(
        people=tuple(_participant(each) for each in _items(sections[Section.PEOPLE])),
        summary=_prose(sections[Section.SUMMARY]),
        factors=tuple(markdown.unescaped(each.text) for each in _items(sections[Section.FACTORS])),
        actions=tuple(_actions(sections[Section.ACTIONS])),
        cause=_prose(sections[Section.CAUSE]),
        affected=_prose(sections[Section.AFFECTED]),
        resolution=_prose(sections[Section.RESOLUTION]),
    )


def _sections(text: str) -> dict[Section, list[_Line]]:
    found: dict[Section, list[_Line]] = {}
    inside: list[_Line] = []  # what is before the first is ours
    for number, line in enumerate(text.split("\n"), 1):
        heading = _HEADING.match(line)
        if heading is None:
            if not _REMARK.match(line):
                inside.append(_Line(number, line))
            continue
        section = _BY_NAME.get(heading[1].strip().lower())
        if section is None:
            names = ", ".join(each for each in Section if each not in MADE)
            raise ValueError(f"line {number}: no section {heading[1]!r}; there are {names}")
        if section in found:
            raise ValueError(f"line {number}: {section} is there twice")
        inside = found[section] = []
    if not found:
        raise ValueError(
            f"line 1: there is no section; one begins with a line like '## {Section.SUMMARY}'"
        )
    return {section: found.get(section, []) for section in Section}


def _prose(lines: list[_Line]) -> str:
    return markdown.unescaped("\n".join(line.text for line in lines)).strip()


def _items(lines: list[_Line]) -> Iterator[_Line]:
    """The items of a list, each with the number of its first line."""
    item: _Line | None = None
    for line in lines:
        begun = _ITEM.match(line.text)
        if begun is not None:
            if item is not None:
                yield item._replace(text=item.text.strip())
            item = _Line(line.number, begun[1])
        elif item is not None:
            item = item._replace(text=f"{item.text}\n{line.text.removeprefix('  ')}")
        elif line.text.strip():
            raise ValueError(f"line {line.number}: is not in the list; begin with '- '")
    if item is not None:
        yield item._replace(text=item.text.strip())


def _participant(item: _Line) -> Participant:
    match = _NAME.match(item.text)
    if match is None:  # a backslash at its end
        return Participant(item.text)
    name, role = match["name"], match["role"] or ""
    return Participant(markdown.unescaped(name).strip(), markdown.unescaped(role).strip())


def _actions(lines: list[_Line]) -> Iterator[ActionItem]:
    rows = [line for line in lines if line.text.strip()]
    for place, line in enumerate(rows):
        if not line.text.lstrip().startswith("|"):
            raise ValueError(f"line {line.number}: is not in the table; begin with '|'")
        if _RULE.match(line.text) and place == 1:
            continue
        cells = markdown.cells(line.text)
        if place == 0 and cells[:2] == ["Done", "What"]:
            continue
        if not _FEWEST <= len(cells) <= _COLUMNS:
            raise ValueError(
                f"line {line.number}: has {len(cells)} columns; there are done, what, owner, due"
            )
        done, what, owner, *due = cells
        if done.lower() not in _DONE:
            raise ValueError(f"line {line.number}: {done!r} is neither yes nor no")
        yield ActionItem(what, owner, due[0] if due else "", _DONE[done.lower()])
