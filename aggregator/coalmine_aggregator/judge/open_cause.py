"""One cause of loss while it lasts: where it is, what it has cost, and when it is over. Pure."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from coalmine_aggregator.detect.closing import Closing
from coalmine_aggregator.judge.fault import Judgement
from coalmine_aggregator.model.alerts import Cause
from coalmine_aggregator.model.counts import NOTHING, Counts
from coalmine_aggregator.model.explanation import Explanation
from coalmine_aggregator.model.fates import BAD
from coalmine_aggregator.model.scopes import Scope

Mask = NDArray[np.bool_]

FORMER = 8
"""Earlier scopes that are remembered, the newest ones."""

WINDOW_S = 60
"""Slots that the counts beside an open alert are over, at most."""

GONE_S = 70
"""Slots in a row in which nothing of the scope is expected any more, after which it is over."""


@dataclass(slots=True)
class OpenCause:
    """`members` are the cells of the scope, `slot` the newest one settled in it. `former` are scopes
    that it had before, each with the last slot in which it was the scope. `total` adds up since `since`.
    `window` holds the counts of the newest slots, of the scope and of the rest of the service;
    `ahead` the same of slots that are not settled, until the next one is.
    """

    handle: str
    scope: Scope
    equivalents: tuple[Scope, ...]
    members: Mask
    since: int
    quiet: bool
    closing: Closing
    judgement: Judgement = Judgement(Cause.UNKNOWN, "")
    explanation: Explanation = Explanation()
    total: Counts = NOTHING
    window: deque[tuple[Counts, Counts]] = field(default_factory=lambda: deque(maxlen=WINDOW_S))
    ahead: tuple[tuple[Counts, Counts], ...] = ()
    age_s: int = 0
    gone_s: int = 0
    former: deque[tuple[Scope, int]] = field(default_factory=lambda: deque(maxlen=FORMER))

    @property
    def counts(self) -> Counts:
        """Of the scope, over the window."""
        return sum((inside for inside, _ in (*self.window, *self.ahead)), NOTHING)

    @property
    def beside(self) -> Counts:
        """Of the rest of the service, over the window."""
        return sum((outside for _, outside in (*self.window, *self.ahead)), NOTHING)

    @property
    def window_s(self) -> int:
        """Slots in the window."""
        return len(self.window) + len(self.ahead)

    @property
    def effect(self) -> str:
        """The fate that most of its bad datapoints ended in; empty where none did."""
        counts = self.total if self.total.bad else self.counts
        worst = max(BAD, key=lambda fate: counts.fates[fate])
        return worst.label if counts.fates[worst] else ""

    def move(self, scope: Scope, equivalents: tuple[Scope, ...], members: Mask, slot: int) -> None:
        """Another scope explains it better; `slot` is the last one of the scope before."""
        self.former.append((self.scope, slot))
        self.scope, self.equivalents, self.members = scope, equivalents, members

    def settle(self, inside: Counts, beside: Counts, judged: int, bad: int) -> bool:
        """One more slot; whether that ends it."""
        self.total += inside
        self.ahead = ()
        self.window.append((inside, beside))
        self.age_s += 1
        self.gone_s = 0 if inside.expected else self.gone_s + 1
        return self.closing.step(judged, bad) or self.gone_s >= GONE_S
