"""When to tell that certificates end: at once on a change, and all of them once a minute. Pure."""

from __future__ import annotations

from collections.abc import Mapping

TELL_EVERY_SLOTS = 60


class ExpiryWatch:
    """What was told of one revision's certificates."""

    def __init__(self) -> None:
        self._told: dict[int, int] = {}
        self._revision = 0
        self._next_slot = 0

    def due(self, revision: int, slot: int, expiries: Mapping[int, int]) -> list[tuple[int, int]]:
        """Of `expiries` (endpoint to epoch seconds) those to be told with the report of `slot`."""
        if revision < self._revision:
            return []
        if revision > self._revision:
            self._revision, self._told, self._next_slot = revision, {}, 0
        if not self._next_slot - TELL_EVERY_SLOTS <= slot < self._next_slot:  # or a clock was set back
            self._told = {}
            self._next_slot = slot + TELL_EVERY_SLOTS
        changed = [(index, end) for index, end in expiries.items() if self._told.get(index) != end]
        self._told.update(changed)
        return changed
