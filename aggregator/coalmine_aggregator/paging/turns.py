"""Whose turn it is, until when, and who is next. Pure."""

from __future__ import annotations

from typing import Final, NamedTuple

from coalmine_aggregator.paging.rota import Rota

MAX_CHANGES: Final = 100
"""Handovers that are looked at for one that brings somebody else."""


class Turn(NamedTuple):
    """`person` is on call until `until` (seconds since the epoch), and `following` from then on. They
    are None and empty where nobody else takes over as far as anybody looks ahead."""

    person: str
    until: float | None
    following: str


def turn_at(rota: Rota, t: float) -> Turn:
    """The turn that lasts at `t`."""
    person, at = rota.on_call(t), t
    for _ in range(MAX_CHANGES):
        at = rota.next_change(at)
        following = rota.on_call(at)
        if following != person:
            return Turn(person, at, following)
    return Turn(person, None, "")
