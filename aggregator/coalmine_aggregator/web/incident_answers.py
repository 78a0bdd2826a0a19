"""The API's answers about incidents. Pure.

The same promises hold as in `answers`.
"""

from __future__ import annotations

import hashlib

import msgspec

from coalmine_aggregator.model.incident import (
    Affected,
    Entry,
    Impact,
    Incident,
    Postmortem,
)
from coalmine_aggregator.model.scopes import describe
from coalmine_aggregator.status.site import PublicIncident
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


class EntryItem(Answer):
    """One line of a timeline; `sequence` counts them from 1. `kind` is opened, alert_opened,
    scope_changed, acknowledged, alert_closed, withdrawn, returned, state, update, note, titled,
    published, withheld, merged, reopened or postmortem.

    `who` did it, empty for what Coalmine saw by itself. `text` is for those who work on it, `public`
    was written for customers. `state` is that of the incident after it. `alert` is the number of the
    alert that it is about, `scope` what that one said then; None where it is about none.
    """

    sequence: int
    at: float
    kind: str
    who: str
    text: str
    public: str
    state: str
    alert: int | None
    scope: dict[str, str] | None
    scope_text: str


class ParticipantItem(Answer):
    """Somebody who worked on it, and as what."""

    name: str
    role: str


class ActionItemItem(Answer):
    """What is to be done so that it does not happen again; `due` is a date, YYYY-MM-DD, or empty."""

    what: str
    owner: str
    due: str
    is_done: bool


class PostmortemItem(Answer):
    """What was learned. `summary`, `factors` (what contributed), `actions` and `people` stay inside;
    `cause`, `affected` and `resolution` are what customers read. All empty: nobody wrote one. `version`
    changes with any of it: what is sent in its place may say by it which one was read."""

    people: list[ParticipantItem]
    summary: str
    factors: list[str]
    actions: list[ActionItemItem]
    cause: str
    affected: str
    resolution: str
    version: str


class PublicUpdateItem(Answer):
    """What customers are told at a time."""

    at: float
    state: str
    body: str


class PublicImpactItem(Answer):
    """What a component lost, as customers read it."""

    component: str
    bad: int
    judged: int


class PublicRecordItem(Answer):
    """Everything that customers read of it, or would as soon as it is published; updates are the newest
    first."""

    name: str
    state: str
    started_at: float
    updates: list[PublicUpdateItem]
    impacts: list[PublicImpactItem]
    cause: str
    affected: str
    resolution: str


class IncidentAnswer(Answer):
    """An incident as it stands after what was done."""

    now: float
    incident: IncidentItem


class IncidentDetail(Answer, rename={"next_": "next"}):
    """`/api/v1/incidents/{number}`: all that is known of one. `entries` are its timeline, the oldest
    first; `next` is what to give as `after` for newer ones, None at the end. `snapshots` are the graphs
    that are kept with it (`opened`, `resolved`), at `/api/v1/incidents/{number}/snapshots/{name}.svg`.
    `public` is None where no status page is configured, or it can never be public."""

    now: float
    incident: IncidentItem
    entries: list[EntryItem]
    next_: str | None
    postmortem: PostmortemItem
    snapshots: list[str]
    public: PublicRecordItem | None


class TimesItem(Answer):
    """How long something took, of as many `times` as it happened; None where it never did."""

    times: int
    mean_s: float | None
    median_s: float | None


class IncidentNumbersItem(Answer):
    """Of some `incidents`: how long it took to detect them (from the first loss until they were
    opened), to acknowledge them (from there until somebody took them) and to recover (from the first
    loss until the last alert closed)."""

    incidents: int
    detect: TimesItem
    acknowledge: TimesItem
    recover: TimesItem


class ServiceNumbersItem(Answer):
    """The numbers of one service."""

    service: str
    numbers: IncidentNumbersItem


class IncidentNumbers(Answer, rename={"from_": "from"}):
    """`/api/v1/incidents/numbers`: of the incidents that opened from `from` until before `to`, all
    together, and by service. One that was merged counts as part of the other."""

    now: float
    from_: float
    to: float
    total: IncidentNumbersItem
    services: list[ServiceNumbersItem]


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


def entry_item(entry: Entry) -> EntryItem:
    """The entry as it is told."""
    return EntryItem(
        sequence=entry.sequence,
        at=entry.at,
        kind=str(entry.kind),
        who=entry.who,
        text=entry.text,
        public=entry.public,
        state=str(entry.state),
        alert=entry.alert or None,
        scope=None if entry.scope is None else dict(entry.scope),
        scope_text="" if entry.scope is None else describe(entry.scope),
    )


def postmortem_item(postmortem: Postmortem) -> PostmortemItem:
    """The post-mortem as it is told."""
    return PostmortemItem(
        people=[ParticipantItem(*each) for each in postmortem.people],
        summary=postmortem.summary,
        factors=list(postmortem.factors),
        actions=[ActionItemItem(*each) for each in postmortem.actions],
        cause=postmortem.cause,
        affected=postmortem.affected,
        resolution=postmortem.resolution,
        version=version_of(postmortem),
    )


def version_of(postmortem: Postmortem) -> str:
    """Stands for all of it, in 16 characters."""
    return hashlib.blake2b(msgspec.json.encode(postmortem), digest_size=8).hexdigest()


def public_item(record: PublicIncident) -> PublicRecordItem:
    """What customers read, less the ids by which their page tells things apart."""
    return PublicRecordItem(
        name=record.name,
        state=str(record.state),
        started_at=record.started_at,
        updates=[PublicUpdateItem(each.at, str(each.state), each.body) for each in record.updates],
        impacts=[PublicImpactItem(each.name, each.bad, each.judged) for each in record.impacts],
        cause=record.cause,
        affected=record.affected,
        resolution=record.resolution,
    )


def numbers_answer(summary: Summary, now: float, first: float, end: float) -> IncidentNumbers:
    """The numbers as they are told."""
    return IncidentNumbers(
        now=now,
        from_=first,
        to=end,
        total=_numbers_item(summary.all),
        services=[
            ServiceNumbersItem(service, _numbers_item(each))
            for service, each in summary.services.items()
        ],
    )


def _numbers_item(numbers: Numbers) -> IncidentNumbersItem:
    return IncidentNumbersItem(
        incidents=numbers.incidents,
        detect=TimesItem(*numbers.detect),
        acknowledge=TimesItem(*numbers.acknowledge),
        recover=TimesItem(*numbers.recover),
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
