"""What people write: cleaned, and within bounds. Pure.

Every error is a ValueError that begins with the field which cannot be.
"""

from __future__ import annotations

import datetime
import unicodedata
from typing import Final

from coalmine_aggregator.model.incident import ActionItem, Participant, Postmortem

MAX_TITLE: Final = 200
MAX_TEXT: Final = 10_000
MAX_WHO: Final = 200
MAX_ITEMS: Final = 50
"""People, factors and actions of a post-mortem, each."""
MAX_ITEM: Final = 1_000
"""Characters of each part of these."""

_LINES: Final = "\n\t"
_CONTROL: Final = ("Cc", "Cs")  # what drives a terminal, and what no encoding takes


def line(field: str, text: str, longest: int = MAX_TITLE, *, may_be_empty: bool = False) -> str:
    """One line, without what surrounds it."""
    text = text.strip()
    if "\n" in text or "\r" in text:
        raise ValueError(f"{field}: has a line break")
    return _checked(field, text, longest, may_be_empty=may_be_empty, allowed="\t")


def prose(field: str, text: str, longest: int = MAX_TEXT, *, may_be_empty: bool = True) -> str:
    """Lines that end in `\\n`, without what surrounds them."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").strip()
    return _checked(field, text, longest, may_be_empty=may_be_empty, allowed=_LINES)


def postmortem(written: Postmortem) -> Postmortem:
    """A whole post-mortem."""
    for field, items in (
        ("people", written.people),
        ("factors", written.factors),
        ("actions", written.actions),
    ):
        if len(items) > MAX_ITEMS:
            raise ValueError(f"{field}: more than {MAX_ITEMS}")
    return Postmortem(
        people=tuple(_participant(f"people[{n}]", each) for n, each in enumerate(written.people)),
        summary=prose("summary", written.summary),
        factors=tuple(
            prose(f"factors[{n}]", each, MAX_ITEM, may_be_empty=False)
            for n, each in enumerate(written.factors)
        ),
        actions=tuple(_action(f"actions[{n}]", each) for n, each in enumerate(written.actions)),
        cause=prose("cause", written.cause),
        affected=prose("affected", written.affected),
        resolution=prose("resolution", written.resolution),
    )


def _participant(field: str, written: Participant) -> Participant:
    return Participant(
        line(f"{field}.name", written.name, MAX_ITEM),
        line(f"{field}.role", written.role, MAX_ITEM, may_be_empty=True),
    )


def _action(field: str, written: ActionItem) -> ActionItem:
    due = written.due.strip()
    if due and not _is_date(due):
        raise ValueError(f"{field}.due: is no date, YYYY-MM-DD")
    return ActionItem(
        prose(f"{field}.what", written.what, MAX_ITEM, may_be_empty=False),
        line(f"{field}.owner", written.owner, MAX_ITEM),
        due,
        written.is_done,
    )


def _is_date(text: str) -> bool:
    try:
        return datetime.date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _checked(field: str, text: str, longest: int, *, may_be_empty: bool, allowed: str) -> str:
    if not text and not may_be_empty:
        raise ValueError(f"{field}: is empty")
    if len(text) > longest:
        raise ValueError(f"{field}: longer than {longest:,} characters")
    for character in text:
        if character not in allowed and unicodedata.category(character) in _CONTROL:
            raise ValueError(f"{field}: has the control character U+{ord(character):04X}")
    return text
