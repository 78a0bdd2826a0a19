"""The API's answers about all of an incident: timeline, post-mortem, what customers read. Pure.

The same promises hold as in `answers`.
"""

from __future__ import annotations

import hashlib

import msgspec

from coalmine_aggregator.model.incident import Entry, Postmortem
from coalmine_aggregator.model.scopes import describe
from coalmine_aggregator.status.site import PublicIncident
from coalmine_aggregator.web.answers import Answer
from coalmine_aggregator.web.incident_answers import IncidentItem


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
