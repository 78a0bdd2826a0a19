"""Who is told of an alert that nothing holds, its hours aside. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence

from coalmine_aggregator.model.alerts import Change, Transition
from coalmine_aggregator.paging.case import Case
from coalmine_aggregator.paging.directory import Directory
from coalmine_aggregator.paging.escalation import due
from coalmine_aggregator.paging.openings import Openings
from coalmine_aggregator.paging.order import Hold, HoldKind, Order, Recipients
from coalmine_aggregator.paging.policy import PagingPolicy, Route
from coalmine_aggregator.paging.routing import everybody
from coalmine_aggregator.paging.target import Addressee, Target


class Telling:
    """Turns what a case lacks into orders."""

    def __init__(self, policy: PagingPolicy) -> None:
        self._policy = policy
        self._directory = Directory(policy)
        self._openings = Openings()

    def tell(self, case: Case, now: float) -> tuple[list[Order], float]:
        """The orders of now, and when next something may be due; inf for never.

        Of an alert that somebody works on, those who were told hear of changes, and nobody else.
        """
        routes, shut, opens_at = self._by_hours(case, now)
        if case.is_acknowledged:
            return self._changes(case, routes, shut, now), math.inf
        orders: list[Order] = []
        for route in routes:
            for target in route.to:
                if self._is_unreached(case, target):
                    orders += self._open(case, target, now)
        climbs, climbs_at = self._climb(case, routes, now)
        orders += climbs
        orders += self._changes(case, routes, shut, now)
        if any(self._is_unreached(case, target) for route in shut for target in route.to):
            case.hold = Hold(HoldKind.HOURS, opens_at)
        return orders, min(opens_at, climbs_at)

    def pass_on(self, case: Case, change: Change, now: float) -> list[Order]:
        """An acknowledgement or the end, to whoever was told and cares."""
        return [case.tell(each, change, now) for each in list(case.heard) if self._hears(each, change)]

    def tell_everybody(self, case: Case, change: Change | None, now: float) -> list[Order]:
        """Where it cannot be said who is to hear of an alert, everybody is: of a change those who have
        heard of the alert already, of the alert all others. None for `change` tells those others alone.
        """
        if change in (Change.ACKNOWLEDGED, Change.CLOSED):
            return self.pass_on(case, change, now)
        orders = []
        for addressee in everybody(self._policy):
            if addressee not in case.heard:
                orders.append(case.tell(addressee, Change.OPENED, now))
            elif change is not None and self._hears(addressee, change):
                orders.append(case.tell(addressee, change, now))
        return orders

    def _by_hours(self, case: Case, now: float) -> tuple[list[Route], list[Route], float]:
        """The routes that are open and those that are not, and when the first of these opens."""
        routes, shut, opens_at = [], [], math.inf
        for route in case.routes:
            opening = None if route.hours is None else self._openings.at(route.hours, now)
            if opening is None or opening.is_open:
                routes.append(route)
            else:
                shut.append(route)
                opens_at = min(opens_at, opening.until)
        return routes, shut, opens_at

    def _is_unreached(self, case: Case, target: Target) -> bool:
        return self._directory.reached_since(target, case.reached) is None

    def _open(self, case: Case, target: Target, now: float) -> list[Order]:
        addressee = self._directory.addressee(target, now)
        if addressee is None or addressee in case.reached:
            return []
        # Whoever had it as a ticket sees it become a page, where the receiver can show that.
        known = case.is_owed(addressee) and self._hears(addressee, Change.CHANGED)
        return [case.tell(addressee, Change.CHANGED if known else Change.OPENED, now)]

    def _climb(self, case: Case, routes: list[Route], now: float) -> tuple[list[Order], float]:
        """The steps that are due of every escalation that has begun, and when the next is."""
        began: dict[str, float] = {}
        for route in routes:
            for target in route.to if route.escalation else ():
                since = self._directory.reached_since(target, case.reached)
                if since is not None:
                    began[route.escalation] = min(since, began.get(route.escalation, since))
        orders: list[Order] = []
        next_at = math.inf
        for name, since in began.items():
            policy = self._policy.escalations[name]
            numbers = [self._policy.step_number(name, place) for place in range(len(policy.steps))]
            done = {place: case.done[n] for place, n in enumerate(numbers) if n in case.done}
            calls, later = due(policy, since, None, now, done)
            next_at = min(next_at, later)
            for place, repeat in calls:
                meant = (self._directory.addressee(each, now) for each in policy.steps[place].targets)
                orders += (
                    case.tell(addressee, Change.OPENED, now, numbers[place], repeat)
                    for addressee in dict.fromkeys(meant)
                    if addressee is not None
                )
        return orders, next_at

    def _changes(self, case: Case, routes: list[Route], shut: list[Route], now: float) -> list[Order]:
        """The newest change, to those who were told of the alert before it and are not out of hours."""
        owed = [each for each in case.heard if case.is_owed(each) and self._hears(each, Change.CHANGED)]
        if owed and shut:
            away = self._meant(shut) - self._meant(routes)
            owed = [addressee for addressee in owed if addressee not in away]
        return [case.tell(addressee, Change.CHANGED, now) for addressee in owed]

    def _meant(self, routes: list[Route]) -> set[Addressee]:
        targets = [target for route in routes for target in route.to]
        for route in routes:
            if route.escalation:
                targets += (
                    target
                    for step in self._policy.escalations[route.escalation].steps
                    for target in step.targets
                )
        return self._directory.everybody(targets)

    def _hears(self, addressee: Addressee, change: Change) -> bool:
        traits = self._policy.receivers.get(addressee.receiver)
        return traits is not None and change in traits.hears


def to_everybody(policy: PagingPolicy, transitions: Sequence[Transition]) -> list[Recipients]:
    """All who can be told and who hear of such a change, whatever routes say."""
    told = everybody(policy)
    return [
        Recipients(
            transition,
            tuple(
                Order(transition, receiver, person)
                for receiver, person in told
                if transition.change in policy.receivers[receiver].hears
            ),
        )
        for transition in transitions
    ]
