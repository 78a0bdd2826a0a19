"""Slots, phases and the times that follow from them. Pure.

A slot is one UTC second, an integer of seconds since the epoch. An agent's endpoints start at
fixed offsets in the second, so that a fleet is spread over it and a host's traffic is not one burst.
"""

from __future__ import annotations

import hashlib
import math

DEADLINE_S = 1.0
"""An attempt ends at its start + this, whatever step it is in."""

SETTLE_S = 3
"""A slot is closed this long after it began: phase up to 1, deadline 1, grace 1."""

CLOCK_TOLERANCE_S = 0.5
"""An agent whose clock is off by more makes its slots unknown."""

CLOCK_AHEAD_S = 2.0
"""A receipt this far ahead of its slot flags its agent at once."""

REVISABLE_S = 24 * 3600
"""Reports older than this change nothing: the fate is frozen."""

GRID_MS = 10
"""Starts lie on this grid, so that one wake-up serves many endpoints."""


def slot_of(wall_s: float) -> int:
    """The slot that a wall-clock time (seconds since the epoch) falls into."""
    return math.floor(wall_s)


def phases_ms(host: str, endpoints: int) -> list[int]:
    """The start of each endpoint in the second, in milliseconds in [0, 1000), ascending.

    Up to 99 endpoints start `GRID_MS` apart, one after the other, from an offset that is a hash of
    the host; more share the grid evenly over the whole second. No start leaves the slot.
    """
    if endpoints <= 0:
        return []
    cells = 1000 // GRID_MS
    used = min(endpoints, cells)
    digest = hashlib.blake2b(host.encode(), digest_size=8).digest()
    first = int.from_bytes(digest, "big") % (cells - used + 1)
    return [(first + i * used // endpoints) * GRID_MS for i in range(endpoints)]
