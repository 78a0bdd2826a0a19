"""The aggregator's own time: wall time that never jumps unseen. Pure.

Slots are wall-clock seconds, but a wall clock may be stepped. The timeline runs on the monotonic
clock, follows small corrections of the wall clock smoothly and reports a step, so that the slots it
tore are told as a gap and not as loss.
"""

from __future__ import annotations

from typing import NamedTuple

STEP_S = 0.5
"""A difference between the wall clock and the timeline from which it is a step."""

SLEW = 0.05
"""Seconds a second by which the timeline follows smaller differences."""


class Reading(NamedTuple):
    """The time, and by how much it was stepped since the last reading (0.0: it was not)."""

    now: float
    stepped_s: float


class Timeline:
    """`read` is given both clocks, in seconds, and gives the time to go by."""

    def __init__(self, wall: float, monotonic: float) -> None:
        self._offset = wall - monotonic
        self._last = monotonic

    def read(self, wall: float, monotonic: float) -> Reading:
        """The time at these clocks. It never runs backwards but by a step."""
        elapsed = max(0.0, monotonic - self._last)
        self._last = monotonic
        difference = wall - monotonic - self._offset
        if abs(difference) > STEP_S:
            self._offset += difference
            return Reading(monotonic + self._offset, difference)
        most = SLEW * elapsed
        self._offset += min(most, max(-most, difference))
        return Reading(monotonic + self._offset, 0.0)
