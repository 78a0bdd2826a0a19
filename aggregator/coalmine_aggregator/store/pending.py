"""What waits to be written: bounded where history is concerned, never dropping what pages. Pure."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any, NamedTuple

from coalmine_aggregator.model.alerts import Transition
from coalmine_aggregator.model.slot_counts import SlotCounts
from coalmine_wire.reports import Birth, State

MAX_SLOTS = 900
"""Slots whose counts wait: a quarter of an hour of a store that cannot be written."""

MAX_EXCEPTIONS = 900

MAX_LIVES = 20_000
"""Births, and states, that wait: more than the agents of a large fleet."""


class Delivery(NamedTuple):
    """A transition on its way to one receiver, as the outbox knows it.

    `transition_id` counts all transitions of this store. `attempts` were made; the next is due at
    `next_at` (seconds since the epoch). At most one of `delivered_at` and `dead` is set: it is done,
    or was given up for that reason. `error` is how the last attempt failed.
    """

    transition_id: int
    receiver: str
    transition: Transition
    attempts: int = 0
    next_at: float = 0.0
    delivered_at: float | None = None
    dead: str | None = None
    error: str | None = None

    @property
    def settled(self) -> bool:
        """Whether nothing more will be tried."""
        return self.delivered_at is not None or self.dead is not None


class Pager:
    """Transitions and the state of their deliveries: as many as there are alerts, so without bound."""

    def __init__(self) -> None:
        self.transitions: list[tuple[int, Transition]] = []
        self.deliveries: dict[tuple[int, str], Delivery] = {}

    def __len__(self) -> int:
        return len(self.transitions) + len(self.deliveries)

    def put_back(self, failed: Pager) -> None:
        """Takes in what could not be written; what came meanwhile is newer."""
        self.transitions[:0] = failed.transitions
        self.deliveries = {**failed.deliveries, **self.deliveries}


class History:
    """Everything else. What is put twice waits once; past the bounds the oldest is dropped."""

    def __init__(self) -> None:
        self.slots: dict[int, SlotCounts] = {}
        self.exceptions: dict[int, bytes] = {}
        self.births: dict[tuple[str, str, int], tuple[float, Birth]] = {}
        self.states: dict[tuple[str, str], tuple[float, State]] = {}

    def __len__(self) -> int:
        return len(self.slots) + len(self.exceptions) + len(self.births) + len(self.states)

    def put_back(self, failed: History) -> None:
        """Takes in what could not be written; what came meanwhile is newer."""
        self.slots = {**failed.slots, **self.slots}
        self.exceptions = {**failed.exceptions, **self.exceptions}
        self.births = {**failed.births, **self.births}
        self.states = {**failed.states, **self.states}

    def bound(self, dropped: Callable[[str, int], None]) -> None:
        """Drops what is over the bounds, and tells kind and number."""
        bounds: tuple[tuple[str, dict[Any, Any], int], ...] = (
            ("slots", self.slots, MAX_SLOTS),
            ("exceptions", self.exceptions, MAX_EXCEPTIONS),
            ("births", self.births, MAX_LIVES),
            ("states", self.states, MAX_LIVES),
        )
        for kind, waiting, limit in bounds:
            over = len(waiting) - limit
            if over > 0:
                _drop_first(waiting, over)
                dropped(kind, over)


def _drop_first(waiting: dict[Any, Any], count: int) -> None:
    for key in list(itertools.islice(waiting, count)):
        del waiting[key]
