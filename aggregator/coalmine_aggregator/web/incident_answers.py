"""The API's answers about incidents. Pure.

The same promises hold as in `answers`.
"""

from __future__ import annotations

from coalmine_aggregator.model.incident import (
    Affected,
    Impact,
    Incident,
)
from coalmine_aggregator.model.scopes import describe
from coalmine_aggregator.web.answers import Answer
from coalmine_aggregator.web.incident_desk import PublicStanding


class CellImpactItem(Answer):
    """What a protocol and region lost: `bad` of `judged` datapoints. `total` is how many of the whole
    protocol and region were judged in those slots, affected or not; 0 where that was not counted."""

    protocol: str
    region: str
    bad: int
    judged: int
    total: int


class ImpactItem(Answer):
    """What was lost in all that an incident affected, each datapoint counted once: `bad` of `judged`,
    over the slots from `first` to `last`, both included. `measured_at` is when it was counted;
    `is_final` says that no late evidence can change it any more."""

    bad: int
    judged: int
    cells: list[CellImpactItem]
    first: int
    last: int
    measured_at: float
    is_final: bool


class AffectedItem(Answer, rename={"alert_class": "class"}):
    """What is hit: `scope`, within the service, from slot `first` to slot `last`, both included; `last`
    is None while it lasts. `alert` is the number of the alert that says so, `class` its class; None
    where it was said by hand."""

    alert: int | None
    alert_class: str | None
    scope: dict[str, str]
    scope_text: str
    first: int
    last: int | None


class IncidentItem(Answer):
    """One incident. `state`, which it has since `state_at`, is investigating, identified, monitoring,
    resolved or postmortem; it is open until it is resolved. `title` is made of its worst alert until
    `titled_by` wrote one.

    `since` is the first slot with loss, `opened_at` when it was seen, `acknowledged_at` when somebody
    first took it, `ended_at` when the last of its alerts closed, `resolved_at` when it was over for
    people; each None where that has not been. `detected_in_s` is from `since` to `opened_at`,
    `acknowledged_in_s` from there until somebody took it, `recovered_in_s` from `since` to its end.
    `opened_by` is empty for one that an alert opened. `updated_at` is the newest entry's time,
    `entry_count` how many there are; the next word of a person is due at `due_at` (None: nobody waits
    for one), which may be over.

    `publication` is by_component, published or withheld. `public_title` is what a person wrote for
    customers, `public_name` what these read or would. They see it where `is_public`, on
    `public_components`; on `held_components` they do as soon as it is published: then
    `awaiting_approval` is true. Where no status page is configured, that is None and the lists are
    empty. `merged_into` is the number of the incident that it turned out to be part of.
    """

    number: int
    service: str
    title: str
    titled_by: str
    state: str
    state_at: float
    is_open: bool
    severity: str
    since: int
    opened_at: float
    opened_by: str
    updated_at: float
    entry_count: int
    due_at: float | None
    acknowledged_at: float | None
    acknowledged_by: str
    ended_at: float | None
    resolved_at: float | None
    detected_in_s: float
    acknowledged_in_s: float | None
    recovered_in_s: float | None
    impact: ImpactItem | None
    affected: list[AffectedItem]
    publication: str
    public_title: str
    public_name: str
    public_components: list[str]
    held_components: list[str]
    is_public: bool
    awaiting_approval: bool | None
    merged_into: int | None


class IncidentAnswer(Answer):
    """An incident as it stands after what was done."""

    now: float
    incident: IncidentItem


class Incidents(Answer, rename={"next_": "next"}):
    """`/api/v1/incidents`: the newest first. `next` is what to give as `after` for more of these, None
    at the end."""

    now: float
    incidents: list[IncidentItem]
    next_: str | None


def incident_item(incident: Incident, standing: PublicStanding | None, remind_s: float) -> IncidentItem:
    """The incident as it is told. `standing` is what it is to customers, None without a status page;
    `remind_s` how long it may go without a word, 0 for as long as it takes."""
    shown, held = ((), ()) if standing is None else (standing.shown, standing.held)
    return IncidentItem(
        number=incident.number,
        service=incident.service,
        title=incident.title,
        titled_by=incident.titled_by,
        state=str(incident.state),
        state_at=incident.state_at,
        is_open=incident.state.is_open,
        severity=str(incident.severity),
        since=incident.since,
        opened_at=incident.opened_at,
        opened_by=incident.opened_by,
        updated_at=incident.updated_at,
        entry_count=incident.entries,
        due_at=incident.told_at + remind_s if incident.state.is_open and remind_s else None,
        acknowledged_at=incident.acknowledged_at,
        acknowledged_by=incident.acknowledged_by,
        ended_at=incident.ended_at,
        resolved_at=incident.resolved_at,
        detected_in_s=incident.detected_in_s,
        acknowledged_in_s=incident.acknowledged_in_s,
        recovered_in_s=incident.recovered_in_s,
        impact=None if incident.impact is None else _impact_item(incident.impact),
        affected=[_affected_item(each) for each in incident.affected],
        publication=str(incident.publication),
        public_title=incident.public_title,
        public_name="" if standing is None else standing.name,
        public_components=list(shown),
        held_components=list(held),
        is_public=bool(shown),
        awaiting_approval=None if standing is None else bool(held),
        merged_into=incident.merged_into or None,
    )


def _impact_item(impact: Impact) -> ImpactItem:
    return ImpactItem(
        bad=impact.bad,
        judged=impact.judged,
        cells=[CellImpactItem(*each) for each in impact.cells],
        first=impact.first,
        last=impact.last,
        measured_at=impact.measured_at,
        is_final=impact.is_final,
    )


def _affected_item(affected: Affected) -> AffectedItem:
    return AffectedItem(
        alert=affected.alert or None,
        alert_class=None if affected.alert_class is None else str(affected.alert_class),
        scope=dict(affected.scope),
        scope_text=describe(affected.scope),
        first=affected.first,
        last=affected.last,
    )
