"""A person's word on a node, which stands until it is released. Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class PinState(StrEnum):
    """Where a node is kept, whatever Coalmine sees."""

    IN = "in"
    OUT = "out"


class Pin(NamedTuple):
    """`at` is seconds since the epoch."""

    service: str
    node: str
    state: PinState
    by: str
    why: str
    at: float
