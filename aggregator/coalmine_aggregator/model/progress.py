"""How the counting goes, for whoever watches this aggregator. Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NamedTuple

LATE_S: Final = 15.0
"""Slots that settle later than this after their end are not settled in time: it is three times what an
aggregator that is ready may take."""


class Counting(StrEnum):
    """What control agents prove of the counting; unchecked where there are none."""

    RIGHT = "right"
    WRONG = "wrong"
    UNPROVEN = "unproven"
    UNCHECKED = "unchecked"


class Progress(NamedTuple):
    """At `now`, seconds since the epoch, `settled` was the newest slot that was settled in this run,
    None before the first."""

    now: float
    settled: int | None
    counting: Counting

    @property
    def is_in_time(self) -> bool:
        """Whether slots settle soon after their end."""
        return self.settled is not None and self.now - self.settled < LATE_S
