"""What a configuration of paging leaves open: no error, but somebody will miss it at night. Pure."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from typing import Final

from coalmine_aggregator.model.alerts import Alert, AlertClass, Severity
from coalmine_aggregator.model.counts import NOTHING
from coalmine_aggregator.model.policy import ServicePolicy
from coalmine_aggregator.paging.policy import PagingPolicy

PAGING: Final = (AlertClass.LOSS, AlertClass.BLIND, AlertClass.BURN)
"""Classes of which a service's alerts may wake somebody."""

REMEDIATION: Final = (AlertClass.REMEDIATION_FREEZE, AlertClass.REMEDIATION_REVERT)
"""The same where its nodes may be withdrawn."""

OWN: Final = (
    AlertClass.SELF_CHECK,
    AlertClass.AGENTS_MISSING,
    AlertClass.UNDELIVERED,
    AlertClass.PEER,
)
"""Those of alerts about Coalmine itself."""


def gaps(
    policy: PagingPolicy,
    services: Mapping[str, ServicePolicy],
    own: ServicePolicy,
    remediated: Container[str] = (),
) -> list[str]:
    """A line for each. `remediated` are the services that opted in to remediation."""
    found: list[str] = []
    if not policy.receivers:
        found.append("nobody hears of alerts: notify has no receiver")
    for name, service in services.items():
        classes = (*PAGING, *REMEDIATION) if name in remediated else PAGING
        found += _rules(f"services.{name}", name, service, classes, policy)
    found += _rules("own", "_fleet", own, OWN, policy)
    found += _people(policy)
    return found


def _rules(
    key: str,
    name: str,
    rules: ServicePolicy,
    classes: tuple[AlertClass, ...],
    policy: PagingPolicy,
) -> Iterator[str]:
    if not rules.owner:
        yield f"{key}: its pages name no owner"
    books = {each: rules.playbook_for(each, ()) for each in classes}
    bare = [each for each, book in books.items() if not (book.url or book.steps)]
    if bare:
        yield f"{key}: no playbook for pages of {', '.join(bare)}"
    if policy.routes and policy.receivers:
        lost = [
            each
            for each in classes
            if each is not AlertClass.UNDELIVERED  # has a way of its own
            and not any(route.match.takes(_probe(name, each)) for route in policy.routes)
        ]
        if lost:
            yield f"{key}: no route takes pages of {', '.join(lost)}; they go to the fallback"


def _people(policy: PagingPolicy) -> Iterator[str]:
    for name, person in policy.people.items():
        if not (person.mail or person.phone or person.names):
            yield f"paging.people.{name}: has no address"
    used = {route.escalation for route in policy.routes}
    for name in policy.escalations:
        if name not in used:
            yield f"paging.escalations.{name}: no route uses it"
    targets = [each for route in policy.routes for each in route.to]
    targets += [
        each for steps in policy.escalations.values() for step in steps.steps for each in step.targets
    ]
    called = {each.to for each in (*targets, *policy.fallback)}
    for name in policy.rotas:
        if name not in called:
            yield f"paging.rotas.{name}: nobody is called by it"


def _probe(service: str, alert_class: AlertClass) -> Alert:
    """A page of the whole service: what routes by place or label do not take."""
    return Alert(
        number=0,
        fleet="",
        service=service,
        alert_class=alert_class,
        ordinal=1,
        severity=Severity.PAGE,
        scope=(),
        since=0,
        opened_at=0.0,
        closed_at=None,
        counts=NOTHING,
        beside=NOTHING,
        window_s=0,
        acceptable_loss=0.0,
        owner="",
        playbook="",
    )
