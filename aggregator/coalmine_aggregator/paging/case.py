"""One open alert: who was told of it, and what it waits for. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

from coalmine_aggregator.model.alerts import Alert, Change, Severity, Transition
from coalmine_aggregator.paging.order import Hold, Made, Order
from coalmine_aggregator.paging.policy import Route
from coalmine_aggregator.paging.silence import Silence
from coalmine_aggregator.paging.target import Addressee, First


class Told(NamedTuple):
    """Who was told at some time, see `Case`."""

    heard: dict[Addressee, bool]
    reached: dict[Addressee, First]
    done: dict[int, int]


class Case:
    """`transition` is the newest one of the alert; `routes` and `silences` are those that take it as it
    stands. `hold` is why it waited when that was last asked, `inhibitor` the number of the alert that
    held it. `next_at` is when next something may be due.

    `heard` has everybody who was told of the alert, and whether of its newest change. What was told by
    routes and steps counts for a *round*: a ticket that becomes a page begins another one, in which
    everybody is told anew. `reached` has when each was first told in it by a route, `done` the highest
    repeat of each step, by its number.
    """

    def __init__(self, transition: Transition) -> None:
        self.transition = transition
        self.routes: list[Route] = []
        self.silences: list[Silence] = []
        self.hold: Hold | None = None
        self.inhibitor: int | None = None
        self.next_at = math.inf
        self.heard: dict[Addressee, bool] = {}
        self.reached: dict[Addressee, First] = {}
        self.done: dict[int, int] = {}

    @property
    def alert(self) -> Alert:
        """As it stands."""
        return self.transition.alert

    @property
    def is_acknowledged(self) -> bool:
        """Whether somebody works on it."""
        return self.alert.acknowledged_at is not None

    def move(self, transition: Transition) -> None:
        """The alert changed, was acknowledged, or closed."""
        if transition.alert.severity is Severity.PAGE and self.alert.severity is not Severity.PAGE:
            self.reached.clear()
            self.done.clear()
        if transition.change is Change.CHANGED:
            self.heard = dict.fromkeys(self.heard, False)
        self.transition = transition

    def restore(self, made: Iterable[Made], now: float) -> None:
        """Takes in what an earlier run told; a clock that was set back since then is made good."""
        newest, is_change = self.transition.at, self.transition.change is Change.CHANGED
        for notice in made:
            addressee = Addressee(notice.receiver, notice.to)
            is_newest = not is_change or notice.at >= newest
            self.heard[addressee] = is_newest or self.heard.get(addressee, False)
            if notice.severity is not self.alert.severity:
                continue
            if notice.step:
                self.done[notice.step] = max(notice.repeat, self.done.get(notice.step, 0))
            else:
                first = First(notice.at, min(notice.at, now))
                self.reached[addressee] = min(first, self.reached.get(addressee, first))

    def tell(
        self, addressee: Addressee, change: Change, now: float, step: int = 0, repeat: int = 0
    ) -> Order:
        """The order by which somebody is told now."""
        self.heard[addressee] = True
        if step:
            self.done[step] = repeat
        else:
            self.reached.setdefault(addressee, First(now, now))
        told = self.transition._replace(change=change)
        return Order(told, addressee.receiver, addressee.person, step, repeat)

    def told(self) -> Told:
        """Who was told by now, to go back to."""
        return Told(self.heard.copy(), self.reached.copy(), self.done.copy())

    def forget_since(self, told: Told) -> None:
        """What was ordered since then was never handed on."""
        self.heard, self.reached, self.done = told

    def is_owed(self, addressee: Addressee) -> bool:
        """Whether somebody was told of the alert, but not of its newest change."""
        return not self.heard.get(addressee, True)

    def silence(self, now: float) -> Silence | None:
        """What silences it now, for the longest."""
        active = (silence for silence in self.silences if silence.is_active(now))
        return max(active, key=lambda silence: silence.over_at, default=None)

    def shift(self, by_s: float) -> None:
        """The clock was set by so much."""
        for addressee, first in self.reached.items():
            self.reached[addressee] = first._replace(since=first.since + by_s)
