"""The alert machine: from what is wrong now to alerts that open, change and close. Pure.

A finding that is new opens an alert, one that is gone closes it, one that says something else changes
it; what a page must not repeat is folded (`folding`). A change of scope, severity, cause or effect is
told; counts follow the loss silently.

The state is small and derives from what the store keeps: the open alerts. An alert of an earlier run is
kept for `SETTLE_IN_S`, since detectors need that long to see what is still wrong.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as Set
from typing import NamedTuple

from coalmine_aggregator.alerts.folding import cover_of
from coalmine_aggregator.model.alerts import Alert, AlertClass, Change, Severity, Transition
from coalmine_aggregator.model.claims import Claim
from coalmine_aggregator.model.findings import Finding
from coalmine_aggregator.model.policy import NO_POLICY, ServicePolicy

SETTLE_IN_S = 120.0
"""How long alerts of an earlier run stay open without a finding."""

MAX_OPEN = 1_000
"""Open alerts, of all services; further findings wait, and are counted."""

_Key = tuple[str, AlertClass, str]
_TOLD = ("scope", "severity", "cause", "effect", "equivalents")


class State(NamedTuple):
    """`open` in order of number; `refused` counts the findings that found no room."""

    fleet: str
    next_number: int = 1
    open: tuple[Alert, ...] = ()
    began: float = 0.0
    refused: int = 0


def step(
    state: State,
    findings: Sequence[Finding],
    policies: Mapping[str, ServicePolicy],
    now: float,
    claims: Sequence[Claim] = (),
) -> tuple[State, list[Transition]]:
    """Takes in everything that is wrong at `now`. Several findings of one key count as the first.
    `claims` are the open alerts of the other aggregator of a pair: the same trouble gets the same
    ordinal, another one gets none of theirs."""
    if not findings and not state.open:
        return state, []
    alerts: dict[_Key, Alert] = {_key_of(alert): alert for alert in state.open}
    standing: dict[_Key, Finding] = {}
    covered: dict[_Key, Finding] = {}
    frozen: dict[str, str] = {}
    for finding in findings:
        key = (finding.service, finding.alert_class, finding.handle)
        if key in standing or key in covered:
            continue
        cover = cover_of(finding, findings)
        if cover is None:
            standing[key] = finding
        else:
            covered[key] = cover
            if finding.alert_class is AlertClass.REMEDIATION_FREEZE:
                frozen[finding.service] = finding.note
    if frozen:
        standing = {key: _with_freeze(each, frozen) for key, each in standing.items()}
    transitions: list[Transition] = []
    for key, alert in list(alerts.items()):
        if key in standing:
            continue
        settling = alert.opened_at < state.began and now - state.began < SETTLE_IN_S
        if key not in covered and settling and alert.alert_class is not AlertClass.LOSS:
            continue
        wider = covered.get(key)
        into = "" if wider is None else _id_of(wider, alerts)
        closed = alert._replace(closed_at=now, folded_into=into)
        transitions.append(Transition(Change.CLOSED, now, closed))
        del alerts[key]
    number, refused = state.next_number, state.refused
    for key, finding in standing.items():
        before = alerts.get(key)
        if before is None:
            if len(alerts) >= MAX_OPEN:
                refused += 1
                continue
            alerts[key] = _opened(state.fleet, number, finding, policies, alerts, now, claims)
            transitions.append(Transition(Change.OPENED, now, alerts[key], finding.explanation))
            number += 1
            continue
        after = alerts[key] = _updated(before, finding, policies)
        if any(getattr(after, field) != getattr(before, field) for field in _TOLD):
            transitions.append(Transition(Change.CHANGED, now, after, finding.explanation))
    still_open = tuple(sorted(alerts.values(), key=lambda alert: alert.number))
    return state._replace(next_number=number, open=still_open, refused=refused), transitions


def acknowledge(state: State, number: int, by: str, now: float) -> tuple[State, list[Transition]]:
    """Somebody works on an open alert, from now on; once it is acknowledged that changes nothing.

    Raises KeyError for an alert that is not open.
    """
    alerts = {alert.number: alert for alert in state.open}
    alert = alerts[number]
    if alert.acknowledged_at is not None:
        return state, []
    taken = alerts[number] = alert._replace(acknowledged_at=now, acknowledged_by=by)
    return state._replace(open=tuple(alerts.values())), [Transition(Change.ACKNOWLEDGED, now, taken)]


def _with_freeze(finding: Finding, frozen: Mapping[str, str]) -> Finding:
    """The loss that people are paged for tells that remediation is frozen, for its own alert folds."""
    note = frozen.get(finding.service)
    if note is None or finding.alert_class is not AlertClass.LOSS:
        return finding
    return finding._replace(note=f"{finding.note} {note}".strip())


def _key_of(alert: Alert) -> _Key:
    return (alert.service, alert.alert_class, alert.handle)


def _id_of(finding: Finding, alerts: Mapping[_Key, Alert]) -> str:
    alert = alerts.get((finding.service, finding.alert_class, finding.handle))
    return alert.id if alert is not None else f"{finding.service}-{finding.alert_class}"


def _opened(
    fleet: str,
    number: int,
    finding: Finding,
    policies: Mapping[str, ServicePolicy],
    alerts: Mapping[_Key, Alert],
    now: float,
    claims: Sequence[Claim],
) -> Alert:
    taken = {
        alert.ordinal
        for alert in alerts.values()
        if (alert.service, alert.alert_class) == (finding.service, finding.alert_class)
    }
    policy = policies.get(finding.service, NO_POLICY)
    playbook = policy.playbook_for(finding.alert_class, finding.scope)
    return Alert(
        number=number,
        fleet=fleet,
        service=finding.service,
        alert_class=finding.alert_class,
        ordinal=_ordinal(finding, taken, claims),
        severity=Severity.TICKET if finding.quiet else finding.severity,
        scope=finding.scope,
        since=finding.since,
        opened_at=now,
        closed_at=None,
        counts=finding.counts,
        beside=finding.beside,
        window_s=finding.window_s,
        acceptable_loss=policy.acceptable_loss,
        owner=policy.owner,
        playbook=playbook.url,
        steps=playbook.steps,
        reach=finding.reach,
        equivalents=finding.equivalents,
        cause=finding.cause,
        effect=finding.effect,
        note=finding.note,
        total=finding.total,
        handle=finding.handle,
    )


def _ordinal(finding: Finding, taken: Set[int], claims: Sequence[Claim]) -> int:
    """The one that the other aggregator has given to the same trouble, the equal scope before others;
    else the smallest that nobody uses."""
    beside = [
        claim
        for claim in claims
        if (claim.service, claim.alert_class) == (finding.service, finding.alert_class)
    ]
    scopes = (finding.scope, *finding.equivalents)
    same = [
        (finding.scope not in claim.scopes, claim.ordinal)
        for claim in beside
        if claim.ordinal not in taken and claim.is_same(finding.alert_class, scopes, finding.handle)
    ]
    if same:
        return min(same)[1]
    used = taken | {claim.ordinal for claim in beside}
    return next(each for each in range(1, len(used) + 2) if each not in used)


def _updated(alert: Alert, finding: Finding, policies: Mapping[str, ServicePolicy]) -> Alert:
    """The alert as the finding has it now. Once a ticket is a page it stays one while it is open; who
    acknowledged the ticket said nothing of the page."""
    severity = alert.severity
    if severity is not Severity.PAGE and finding.severity is Severity.PAGE and not finding.quiet:
        severity = Severity.PAGE
        alert = alert._replace(acknowledged_at=None, acknowledged_by="")
    if alert.scope != finding.scope:
        policy = policies.get(finding.service, NO_POLICY)
        playbook = policy.playbook_for(finding.alert_class, finding.scope)
        alert = alert._replace(playbook=playbook.url, steps=playbook.steps)
    return alert._replace(
        severity=severity,
        scope=finding.scope,
        since=finding.since,
        counts=finding.counts,
        beside=finding.beside,
        window_s=finding.window_s,
        equivalents=finding.equivalents,
        cause=finding.cause,
        effect=finding.effect,
        note=finding.note,
        total=finding.total,
        reach=finding.reach,
    )
