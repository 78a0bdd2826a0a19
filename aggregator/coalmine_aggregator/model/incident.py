"""Incidents: what an alert becomes for people, as values. Pure.

An incident has one cause and a number that is never used again. Its timeline is a list of entries that
only grows; the incident itself is how it stands after the newest of them.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from coalmine_aggregator.model.alerts import AlertClass, Severity
from coalmine_aggregator.model.scopes import Scope


class IncidentState(StrEnum):
    """How far people have come with it. It is open until it is resolved."""

    INVESTIGATING = "investigating"
    IDENTIFIED = "identified"
    MONITORING = "monitoring"
    RESOLVED = "resolved"
    POSTMORTEM = "postmortem"

    @property
    def is_open(self) -> bool:
        """Whether it goes on."""
        return self not in (IncidentState.RESOLVED, IncidentState.POSTMORTEM)


class Publication(StrEnum):
    """Whether customers see it: as each component of the status page says, or as a person decided."""

    BY_COMPONENT = "by_component"
    PUBLISHED = "published"
    WITHHELD = "withheld"


class EntryKind(StrEnum):
    """What an entry of a timeline tells."""

    OPENED = "opened"
    ALERT_OPENED = "alert_opened"
    SCOPE_CHANGED = "scope_changed"
    ACKNOWLEDGED = "acknowledged"
    ALERT_CLOSED = "alert_closed"
    WITHDRAWN = "withdrawn"
    RETURNED = "returned"
    STATE = "state"
    UPDATE = "update"
    NOTE = "note"
    TITLED = "titled"
    PUBLISHED = "published"
    WITHHELD = "withheld"
    MERGED = "merged"
    REOPENED = "reopened"
    POSTMORTEM = "postmortem"


class Entry(NamedTuple):
    """One line of the timeline of incident number `incident`; `sequence` counts them from 1.

    `at` is seconds since the epoch. `who` did it; empty for what Coalmine saw by itself. `text` is for
    those who work on it; `public` is what a person wrote for customers, who see nothing else of it.
    `state` is that of the incident after it. `scope` is the one that an alert had then, None where the
    entry is about none. `rewrites_public` says of a POSTMORTEM that it changed what customers read.
    """

    incident: int
    sequence: int
    at: float
    kind: EntryKind
    who: str
    text: str
    state: IncidentState
    public: str = ""
    alert: int = 0
    scope: Scope | None = None
    rewrites_public: bool = False


class Affected(NamedTuple):
    """What an incident's alert, number `alert` (0: none, opened by hand), says is hit: the scope within
    its service, from slot `first` to slot `last`, both included; None while it lasts.

    An alert whose scope changes has one of these, with the newest scope. `alert_class` is the alert's;
    None where there is none."""

    alert: int
    scope: Scope
    first: int
    last: int | None = None
    alert_class: AlertClass | None = None


class CellImpact(NamedTuple):
    """What a protocol and region lost: `bad` of `judged` datapoints within what was affected. `total`
    are all that were judged of that protocol and region in those slots, affected or not, so that
    `bad / total` says how much of the whole it was; 0 where that was not counted."""

    protocol: str
    region: str
    bad: int
    judged: int
    total: int = 0


class Impact(NamedTuple):
    """What was lost in all that an incident affected, each datapoint counted once, over the slots from
    `first` to `last`, both included. `measured_at` is when it was counted (seconds since the epoch);
    `is_final` once no late evidence can change it."""

    first: int
    last: int
    cells: tuple[CellImpact, ...]
    measured_at: float
    is_final: bool = False

    @property
    def bad(self) -> int:
        """Datapoints lost, in all."""
        return sum(cell.bad for cell in self.cells)

    @property
    def judged(self) -> int:
        """Datapoints that were delivered or lost, in all."""
        return sum(cell.judged for cell in self.cells)


class Participant(NamedTuple):
    """Somebody who worked on it, and as what."""

    name: str
    role: str = ""


class ActionItem(NamedTuple):
    """What is to be done so that it does not happen again. `due` is a date, YYYY-MM-DD, or empty."""

    what: str
    owner: str
    due: str = ""
    is_done: bool = False


class Postmortem(NamedTuple):
    """What was learned. `summary`, `factors` (what contributed), `actions` and `people` stay inside;
    `cause`, `affected` and `resolution` are what customers read: what caused it, who was affected, how
    it was resolved."""

    people: tuple[Participant, ...] = ()
    summary: str = ""
    factors: tuple[str, ...] = ()
    actions: tuple[ActionItem, ...] = ()
    cause: str = ""
    affected: str = ""
    resolution: str = ""

    @property
    def public(self) -> tuple[str, str, str]:
        """What customers read of it, each text empty where there is nothing."""
        return self.cause.strip(), self.affected.strip(), self.resolution.strip()


class Incident(NamedTuple):
    """One cause of trouble, as it stands for people. Times are seconds since the epoch.

    `since` is the first slot with loss (the second it was opened, where by hand); `opened_at` when it
    was seen, `acknowledged_at` when somebody first took it, `ended_at` when the last of its alerts
    closed (None while one is open), `resolved_at` when it was over for people. `updated_at` is the
    newest entry's time, `told_at` that of the newest one that a person made, or of the opening.
    `merged_into` is the number of the incident that this one turned out to be part of; 0 for none.
    `title` is for those who work on it; made of its worst alert until `titled_by` wrote one.
    `public_title` replaces what customers read; empty: made of the components it touches. It came into
    its state at `state_at`.
    """

    number: int
    fleet: str
    service: str
    severity: Severity
    title: str
    state: IncidentState
    since: int
    opened_at: float
    opened_by: str
    updated_at: float
    told_at: float
    entries: int
    affected: tuple[Affected, ...] = ()
    acknowledged_at: float | None = None
    acknowledged_by: str = ""
    ended_at: float | None = None
    resolved_at: float | None = None
    impact: Impact | None = None
    publication: Publication = Publication.BY_COMPONENT
    public_title: str = ""
    merged_into: int = 0
    postmortem: Postmortem = Postmortem()
    titled_by: str = ""
    state_at: float = 0.0

    @property
    def detected_in_s(self) -> float:
        """From the first loss until it was seen: the time to detect."""
        return max(0.0, self.opened_at - self.since)

    @property
    def acknowledged_in_s(self) -> float | None:
        """From then until somebody took it: the time to acknowledge."""
        return None if self.acknowledged_at is None else self.acknowledged_at - self.opened_at

    @property
    def recovered_in_s(self) -> float | None:
        """From the first loss until the last alert closed (resolved, where it had none): the time to
        recover."""
        end = self.ended_at if self.ended_at is not None else self.resolved_at
        return None if end is None else end - self.since


class IncidentChanges(NamedTuple):
    """What came of something: incidents as they stand now, and new entries of their timelines."""

    incidents: tuple[Incident, ...] = ()
    entries: tuple[Entry, ...] = ()
