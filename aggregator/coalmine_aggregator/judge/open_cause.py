"""One cause of loss while it lasts: where it is, what it has cost, and when it is over. Pure."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from coalmine_aggregator.detect.closing import Closing, closing_step
from coalmine_aggregator.judge.fault import Judgement
from coalmine_aggregator.model.alerts import Cause, Reach
from coalmine_aggregator.model.counts import NOTHING, Counts, summed
from coalmine_aggregator.model.explanation import Explanation
from coalmine_aggregator.model.fates import BAD
from coalmine_aggregator.model.scopes import Scope

NOT_YET = Closing()
UNJUDGED = Judgement(Cause.UNKNOWN, "")
UNEXPLAINED = Explanation()

Mask = NDArray[np.bool_]

JUDGED_AGAIN_S = 10
"""Slots after a cause began in which the question whose fault it is is asked again."""

FORMER = 8
"""Earlier scopes that are remembered, the newest ones."""

WINDOW_S = 60
"""Slots that the counts beside an open alert are over, at most."""

GONE_S = 70
"""Slots in a row in which nothing of the scope is expected any more, after which it is over."""


class Window(NamedTuple):
    """Counts over `length_s` slots: of a scope, and of the rest of its service."""

    inside: Counts
    beside: Counts
    length_s: int


class Shown(NamedTuple):
    """The loss that a cause has shown while it lasted: counts up to the newest slot that spoke against
    its end, and those since, which may be of what is over already. `loss` holds until there are any."""

    loss: float
    judged: int = 0
    bad: int = 0
    judged_since: int = 0
    bad_since: int = 0

    @property
    def share(self) -> float:
        """In [0, 1]."""
        return self.bad / self.judged if self.judged else self.loss

    def add(self, judged: int, bad: int, ending: bool) -> Shown:
        """One more slot; `ending` says that it spoke for the end."""
        more = self._replace(judged_since=self.judged_since + judged, bad_since=self.bad_since + bad)
        if ending:
            return more
        return Shown(self.loss, more.judged + more.judged_since, more.bad + more.bad_since)


@dataclass(slots=True, eq=False)
class OpenCause:
    """`members` are the cells of the scope. `former` are scopes that it had before, each with the last
    slot in which it was the scope. `total` adds up since `since`; `counted` says which scope it counts
    from which slot on, since a scope that moves is counted anew as far back as cells are remembered.
    `window` holds the counts of the newest slots, of the scope and of the rest of the service;
    `ahead` the same of slots that are not settled, until the next one is. `told` is what an earlier run
    said last: it holds until anything can be judged in this one. `touched` are the cells in which
    anything went bad since it began, and `reach` how many places and machines of the scope these are.
    `withdrawn` are the nodes whose withdrawal ended it; empty where it did not.
    """

    handle: str
    scope: Scope
    equivalents: tuple[Scope, ...]
    members: Mask
    since: int
    quiet: bool
    shown: Shown
    closing: Closing = NOT_YET
    judgement: Judgement = UNJUDGED
    explanation: Explanation = UNEXPLAINED
    total: Counts = NOTHING
    window: deque[tuple[Counts, Counts]] = field(default_factory=lambda: deque(maxlen=WINDOW_S))
    ahead: tuple[tuple[Counts, Counts], ...] = ()
    age_s: int = 0
    gone_s: int = 0
    former: deque[tuple[Scope, int]] = field(default_factory=lambda: deque(maxlen=FORMER))
    counted: deque[tuple[Scope, int]] = field(default_factory=lambda: deque(maxlen=FORMER))
    told: Window | None = None
    touched: Mask = field(default_factory=lambda: np.zeros(0, dtype=np.bool_))
    reach: tuple[Reach, ...] = ()
    withdrawn: tuple[str, ...] = ()

    @property
    def counts(self) -> Counts:
        """Of the scope, over the window."""
        told = self._still_told
        return told.inside if told else summed(inside for inside, _ in (*self.window, *self.ahead))

    @property
    def beside(self) -> Counts:
        """Of the rest of the service, over the window."""
        told = self._still_told
        return told.beside if told else summed(outside for _, outside in (*self.window, *self.ahead))

    @property
    def window_s(self) -> int:
        """Slots in the window."""
        told = self._still_told
        return told.length_s if told else len(self.window) + len(self.ahead)

    @property
    def _still_told(self) -> Window | None:
        if self.told is None or any(inside.judged for inside, _ in (*self.window, *self.ahead)):
            return None
        return self.told

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
        self.closing = NOT_YET  # what spoke for the end spoke of the scope before

    def counted_at(self, slot: int) -> Scope | None:
        """The scope by which `total` counts a slot; None where it does not."""
        return next((scope for scope, first in reversed(self.counted) if first <= slot), None)

    def settle(self, inside: Counts, beside: Counts, p0: float, rho: float) -> bool:
        """One more slot; whether that ends it."""
        self.total += inside
        if inside.judged:
            self.told = None
        self.ahead = ()
        self.window.append((inside, beside))
        self.gone_s = 0 if inside.expected else self.gone_s + 1
        return self.step(inside.judged, inside.bad, p0, rho) or self.gone_s >= GONE_S

    def step(self, judged: int, bad: int, p0: float, rho: float) -> bool:
        """Moves the closing rule by one slot; whether the loss is over."""
        self.age_s += 1
        self.closing = closing_step(self.closing, judged, bad, p0, self.shown.share, rho)
        self.shown = self.shown.add(judged, bad, self.closing.statistic > 0)
        return self.closing.closed


class Ended(NamedTuple):
    """A cause that is over: its scope from `cause.since` to `last` counts as lost, and no more."""

    cause: OpenCause
    last: int
