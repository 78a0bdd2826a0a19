"""What is to be counted or drawn of an incident. Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from coalmine_aggregator.model.incident import Affected


class Why(StrEnum):
    """What is wanted: the impact as far as it is known, the impact once nothing can change it, or the
    graph of the same name."""

    IMPACT = "impact"
    FINAL = "final"
    OPENED = "opened"
    RESOLVED = "resolved"


class Measurement(NamedTuple):
    """Count, or draw, slots `first` to `last`, both included. Each of `affected` counts from its own
    first slot to its own last one; None: as far as this goes."""

    number: int
    service: str
    affected: tuple[Affected, ...]
    first: int
    last: int
    why: Why
