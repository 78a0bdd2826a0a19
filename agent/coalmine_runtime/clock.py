"""The only place that reads the clocks; everything else gets its time as an argument."""

from __future__ import annotations

import time


def wall() -> float:
    """Seconds since the epoch, UTC. May step."""
    return time.time()


def monotonic() -> float:
    """Seconds on a clock that never steps and stands still while the machine is suspended."""
    return time.monotonic()


def boottime() -> float:
    """Seconds on a clock that never steps and goes on while the machine is suspended."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)
