"""The only place that reads the clocks; everything else gets its time as an argument.

These are the functions of `time` themselves: agents call them some thousand times a second.
"""

from __future__ import annotations

import functools
import time

wall = time.time
"""Seconds since the epoch, UTC. May step."""

monotonic = time.monotonic
"""Seconds on a clock that never steps and stands still while the machine is suspended."""

boottime = functools.partial(time.clock_gettime, time.CLOCK_BOOTTIME)
"""Seconds on a clock that never steps and goes on while the machine is suspended."""
