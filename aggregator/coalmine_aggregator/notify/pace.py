"""How fast one receiver is told: no more at once, and no more a second, than it takes. Pure."""

from __future__ import annotations


class Pace:
    """A bucket of `burst` turns that fills again at `per_s`: in any t seconds at most burst + t * per_s
    turns come up. Times are seconds of a clock that never goes back."""

    def __init__(self, burst: int, per_s: float) -> None:
        self._slack_s = (burst - 1) / per_s
        self._turn_s = 1.0 / per_s
        self._next = float("-inf")  # when the bucket would be full again

    def wait_s(self, now: float) -> float:
        """Takes the next turn, and gives the seconds until it comes up."""
        due = max(self._next, now)
        self._next = due + self._turn_s
        return max(0.0, due - self._slack_s - now)
