"""How incidents come, go and remind. Pure."""

from __future__ import annotations

from typing import Final, NamedTuple

from coalmine_aggregator.model.alerts import AlertClass

SHORTEST_REMIND_S: Final = 60.0
"""Reminders are no alarm clock."""

LONGEST_S: Final = 7 * 86_400.0
"""For either time."""


class IncidentPolicy(NamedTuple):
    """Pages of the classes `open` open incidents. One that is monitored for `resolve_after_s` without
    an alert is resolved. One that nobody says anything of is told each `remind_s`; 0: never. `fleet` is
    that of the incidents that people open."""

    open: frozenset[AlertClass] = frozenset(AlertClass)
    resolve_after_s: float = 600.0
    remind_s: float = 1_800.0
    fleet: str = "default"

    def check(self) -> None:
        """Raises ValueError that begins with the key which cannot be."""
        if not 0 <= self.resolve_after_s <= LONGEST_S:
            raise ValueError(f"resolve_after: is not within 0 s and {LONGEST_S:.0f} s")
        if self.remind_s and not SHORTEST_REMIND_S <= self.remind_s <= LONGEST_S:
            raise ValueError(
                f"remind: is neither 0 nor within {SHORTEST_REMIND_S:.0f} s and {LONGEST_S:.0f} s"
            )
