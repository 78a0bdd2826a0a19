"""What the runner counts."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Counters:
    """What happened since the start."""

    sent: int = 0
    failed: int = 0
    abandoned: int = 0
    skipped: int = 0
    withheld: int = 0
    """Of a control agent: not given to the network, on purpose; they count as `sent`, too."""
    slots: int = 0
    """Slots that were reported."""
    impaired: int = 0
    """Of these, the impaired ones."""
    missed: int = 0
    """Slots that nothing was started in."""
    clock_steps: int = 0
    suspends: int = 0
    late_max_s: float = 0.0
    """The latest start, nominal to actual, since it was last set to 0."""
    lag_max_s: float = 0.0
    """The longest that the loop was held up, since it was last set to 0."""
