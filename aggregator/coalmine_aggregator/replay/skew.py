"""Agents whose clocks are off: which slots they take part in. Pure.

As the agents' own schedule has it: a clock that is set forward misses the slots between; one that is
set back by at most `HOLD_S` waits until it has passed what was sent; set back further, it begins anew.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

HOLD_S = 10
MAX_MISSED = 500
"""Missed slots that one report tells of."""


class Turn(NamedTuple):
    """One second: the agents (by number) that are in other slots than the second's own, with the whole
    seconds and the rest by which their clocks are ahead; those that wait; slots that were missed."""

    shifts: dict[int, tuple[int, float]]
    held: list[int]
    missed: dict[int, range]


class Clocks:
    """The agents whose schedule is not that of the true time: their last slots, by number."""

    def __init__(self) -> None:
        self._last: dict[int, int] = {}

    @property
    def apart(self) -> bool:
        """Whether any schedule still differs."""
        return bool(self._last)

    def turn(self, second: int, skew_s: NDArray[np.float64] | None, silent: NDArray[np.bool_]) -> Turn:
        """Goes on by a second; `skew_s` is float64[agents], `silent` agents do nothing in it."""
        turn = Turn({}, [], {})
        skewed = set() if skew_s is None else set(np.flatnonzero(skew_s).tolist())
        if not skewed and not self._last:
            return turn
        for agent in sorted(skewed | set(self._last)):
            if silent[agent]:
                continue
            ahead_s = 0.0 if skew_s is None else float(skew_s[agent])
            whole = math.floor(ahead_s + 1e-9)
            slot = second + whole
            last = self._last.get(agent, second - 1)
            if slot <= last:  # set back: beginning anew, it takes the next whole second
                turn.held.append(agent)
                self._last[agent] = last if last + 1 - slot <= HOLD_S else slot
                continue
            if slot > last + 1:
                turn.missed[agent] = range(max(last + 1, slot - MAX_MISSED), slot)
            if ahead_s or agent in turn.missed:
                turn.shifts[agent] = (whole, max(0.0, ahead_s - whole))
            if ahead_s:
                self._last[agent] = slot
            else:
                self._last.pop(agent, None)
        return turn
