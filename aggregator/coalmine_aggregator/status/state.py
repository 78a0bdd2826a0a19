"""How a component does right now: seconds folded into a state that does not flap. Pure.

Time stands still for what is not known: a second of which nothing could be judged holds the state, and
counts into no duration here. The share that was lost over the last `window_s` known seconds says which
levels are reached. A level begins when it was reached for `worse_after_s` on end; it ends when it was
not reached for `better_after_s` on end, or has not been for `worse_after_s` on end in `FORGET_S`. So
the state depends on the last `MEMORY_S` known seconds alone, and is the same after a restart that
begins as far back.
"""

from __future__ import annotations

from collections import deque
from typing import Final, NamedTuple

from coalmine_aggregator.status.site import ComponentStatus

FORGET_S: Final = 1_800

MEMORY_S: Final = 3_600
"""Known seconds that are to be folded for the right state, at most."""

LEAST_BAD: Final = 5
"""Fewer lost datapoints in a window are noise: of one series with 60 in it, one is more than 1 %."""

MAX_WINDOW_S: Final = 600
MAX_WORSE_S: Final = 300
MAX_BETTER_S: Final = FORGET_S

LEVELS: Final = (
    ComponentStatus.DEGRADED_PERFORMANCE,
    ComponentStatus.PARTIAL_OUTAGE,
    ComponentStatus.MAJOR_OUTAGE,
)


class StateRules(NamedTuple):
    """From which share lost a component is degraded, partly out or out, and for how long it must be
    so; `window_s`, `worse_after_s` and `better_after_s` are known seconds."""

    window_s: int = 60
    degraded: float = 0.01
    partial: float = 0.1
    major: float = 0.5
    worse_after_s: int = 10
    better_after_s: int = 120

    def level(self, judged: int, bad: int) -> int:
        """How many of `LEVELS` such a loss reaches."""
        if judged <= 0:
            return 0
        return sum(bad / judged >= share for share in (self.degraded, self.partial, self.major))

    def status(self, judged: int, bad: int) -> ComponentStatus:
        """What a component with such a loss is."""
        level = self.level(judged, bad)
        return LEVELS[level - 1] if level else ComponentStatus.OPERATIONAL


class StateFold:
    """The state of one component, second by second."""

    __slots__ = (
        "_age",
        "_bad",
        "_judged",
        "_on",
        "_quiet",
        "_rules",
        "_run",
        "_window",
        "second",
        "since",
    )

    def __init__(self, rules: StateRules) -> None:
        self._rules = rules
        self._window: deque[tuple[int, int]] = deque()
        self._judged = self._bad = 0
        # By level: whether it stands, and for how many known seconds it was reached on end, was not
        # reached on end, and has not lasted.
        self._on = [False] * len(LEVELS)
        self._run = [0] * len(LEVELS)
        self._quiet = [0] * len(LEVELS)
        self._age = [0] * len(LEVELS)
        self.second: int | None = None
        """The newest second that was folded."""
        self.since: int | None = None
        """The second in which the state last changed; None where it never did."""

    @property
    def status(self) -> ComponentStatus:
        """How the component does after the newest second."""
        level = sum(self._on)  # they begin and end one within the other
        return LEVELS[level - 1] if level else ComponentStatus.OPERATIONAL

    def step(self, second: int, judged: int, bad: int, known: bool = True) -> None:
        """Folds the second after those that were folded: `bad` of `judged` datapoints were lost in it;
        `known` says that it was measured at all. Raises ValueError for one that is not later."""
        if self.second is not None and second <= self.second:
            raise ValueError(f"second {second} does not come after {self.second}")
        self.second = second
        if not known or judged <= 0:
            return
        self._window.append((judged, bad))
        self._judged += judged
        self._bad += bad
        if len(self._window) > self._rules.window_s:
            judged, bad = self._window.popleft()
            self._judged -= judged
            self._bad -= bad
        reached = self._rules.level(self._judged, self._bad) if self._bad >= LEAST_BAD else 0
        before = sum(self._on)
        for level in range(len(LEVELS)):
            self._turn(level, level < reached)
        if sum(self._on) != before:
            self.since = second

    def _turn(self, level: int, is_reached: bool) -> None:
        self._run[level] = self._run[level] + 1 if is_reached else 0
        self._quiet[level] = 0 if is_reached else self._quiet[level] + 1
        self._age[level] += 1
        if self._run[level] >= self._rules.worse_after_s:
            self._on[level] = True
            self._age[level] = 0
        elif self._quiet[level] >= self._rules.better_after_s or self._age[level] >= FORGET_S:
            self._on[level] = False
