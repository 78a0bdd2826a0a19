"""From an alert to the routes that it takes. Pure."""

from __future__ import annotations

from coalmine_aggregator.model.alerts import Alert, AlertClass
from coalmine_aggregator.paging.policy import GroupKey, PagingPolicy, Route
from coalmine_aggregator.paging.target import Addressee, Target

GROUP_BY = ("service", "class", "severity")
"""What alerts are put together by, beside the labels of scopes."""


def routes_of(policy: PagingPolicy, alert: Alert) -> list[Route]:
    """The routes that tell of an alert, with no target that could not be told.

    The first that takes it and, while they go on, those after it. What no route takes goes to the
    fallback, so that a hole in the routes keeps no page back; a route without targets is how to tell
    nobody. That a receiver does not deliver goes to the fallback as well, never by that receiver.
    """
    if alert.alert_class is AlertClass.UNDELIVERED:
        return [Route(to=_fallback(policy, dead=alert.handle))]
    routes = []
    for route in policy.routes:
        if route.match.takes(alert):
            routes.append(route._replace(to=tuple(each for each in route.to if _can_be(policy, each))))
            if not route.goes_on:
                break
    return routes or [Route(to=_fallback(policy))]


def everybody(policy: PagingPolicy) -> list[Addressee]:
    """Every receiver that needs no person; where there is none, everybody whom the others reach."""
    alone = [Addressee(name) for name, traits in policy.receivers.items() if not traits.address]
    return alone or [
        Addressee(name, person)
        for name, traits in policy.receivers.items()
        for person, each in policy.people.items()
        if each.address(traits.address)
    ]


def group_of(policy: PagingPolicy, alert: Alert, receiver: str) -> GroupKey | None:
    """With which others an alert is told to a receiver; None where it is told alone."""
    traits = policy.receivers.get(receiver)
    if traits is None or not traits.takes_groups:
        return None
    for route in routes_of(policy, alert):
        if route.group is not None and any(target.receiver == receiver for target in route.to):
            return GroupKey(tuple(_value(alert, name) for name in route.group.by), route.group.wait_s)
    return None


def _fallback(policy: PagingPolicy, dead: str = "") -> tuple[Target, ...]:
    everybody = tuple(Target(name) for name in policy.receivers)
    for targets in (policy.fallback, everybody):
        told = [each for each in targets if each.receiver != dead and _can_be(policy, each)]
        if told:
            return tuple(told)
    return ()


def _can_be(policy: PagingPolicy, target: Target) -> bool:
    """Whether the target may still be told; a receiver may have gone from the configuration."""
    traits = policy.receivers.get(target.receiver)
    return traits is not None and bool(target.to or not traits.address)


def _value(alert: Alert, name: str) -> str:
    match name:
        case "service":
            return alert.service
        case "class":
            return alert.alert_class
        case "severity":
            return alert.severity
        case _:
            return dict(alert.scope).get(name, "")
