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


class PinChange(NamedTuple):
    """The newest word on a node, which replaces any earlier one: `state` is None where it was released.
    `at` is seconds since the epoch."""

    service: str
    node: str
    state: PinState | None
    by: str
    why: str
    at: float

    @property
    def pin(self) -> Pin | None:
        """The pin that stands after it."""
        if self.state is None:
            return None
        return Pin(self.service, self.node, self.state, self.by, self.why, self.at)
