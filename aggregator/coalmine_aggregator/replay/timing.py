"""The virtual clock: where slot 0 lies, and the fifths of seconds that the engine ticks on. Pure."""

from __future__ import annotations

import math
from typing import Final

EPOCH: Final = 1_800_000_000
"""Slot 0 in seconds since the epoch, the beginning of a minute, an hour and a day's eighth."""

DRAIN_S: Final = 10
"""Seconds after the last slot until the totals are taken; the fleet goes on meanwhile."""

TICKS: Final = 5
"""Ticks a second, as in a real run."""


def slots_between(start: float, end: float) -> range:
    """The slots with start <= slot < end."""
    return range(math.ceil(start), math.ceil(end))


def tick_of(at: float) -> int:
    """The number of the fifth of a second that a fleet time lies in; it ends with a tick.

    Sums of decimal fractions come out a little beside what they mean: 3.2 is the beginning of a fifth,
    not the end of the one before.
    """
    return math.floor(at * TICKS + 1e-6)


def ceil_tick(at: float) -> int:
    """The number of the first fifth of a second that begins at `at` or later."""
    return math.ceil(at * TICKS - 1e-6)
