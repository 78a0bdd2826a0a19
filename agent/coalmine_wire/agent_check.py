"""The words of HAProxy's agent-check, and which of them undo each other. Pure.

HAProxy acts on a word until another one undoes it, whoever said it and whether or not they still live.
So what says that all is well has to undo all that may have been said before: `up` undoes `down`, and
`100%` undoes any weight.

`drain` and `ready` are never said. They move the server's administrative state, which is the
operator's: a `ready` ends a maintenance that somebody set by hand (HAProxy 2.6). A weight of nothing
drains as well, and the operator's word stands beside it. The text of a `down` needs a space in front of
it: HAProxy 2.6 takes `down#text` for no word that it knows, and does nothing.
"""

from __future__ import annotations

from coalmine_wire.withdrawals import Phase

UP = "up 100%"

MAX_NAME = 520
"""Bytes of what `agent-send` may say: service, slash and node."""

_PHASES = {Phase.DRAIN: "up 0%", Phase.DOWN: "down #coalmine"}


def word_for(phase: Phase | None, share: float = 1.0) -> str:
    """What is said of a node that is out in `phase`, or in service (None) with a `share` of its weight,
    a number above 0 up to 1."""
    if phase is not None:
        return _PHASES[phase]
    return f"up {max(1, round(share * 100))}%"


def is_down(word: str) -> bool:
    """Whether somebody who heard `word` last sends the node no new work."""
    return word in _PHASES.values()


def asked_name(line: bytes) -> str:
    """What `agent-send` named; empty where that is no name of ours."""
    name = line.split(b"\n", 1)[0].strip()
    if len(name) > MAX_NAME or not name.isascii():
        return ""
    text = name.decode("ascii")
    return text if text.isprintable() else ""
