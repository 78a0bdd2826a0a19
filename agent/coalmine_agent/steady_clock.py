"""What time it is for what cannot be undone: not by a clock that was set a moment ago. Pure."""

from __future__ import annotations

import math

STEP_S = 1.0
"""A wall clock that moves by more against the boot-time clock, between two looks, was set."""

STEADY_S = 300.0
"""A clock that was set is believed once it went on for so long."""


class SteadyClock:
    """Looks at the wall clock and at the boot-time clock, which never steps, both in seconds."""

    def __init__(self) -> None:
        self._offset = self._steady = -math.inf
        self._since = 0.0

    def now(self, wall: float, boot: float) -> float:
        """The time by the setting of the wall clock that was believed last; minus infinity before."""
        offset = wall - boot
        if abs(offset - self._offset) > STEP_S:
            self._since = boot
        self._offset = offset
        if boot - self._since >= STEADY_S:
            self._steady = offset
        return boot + self._steady
