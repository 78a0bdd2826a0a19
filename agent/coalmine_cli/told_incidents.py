"""What the aggregator's API tells of incidents, as far as commands show it. Pure.

Members that are not named here are passed over: an aggregator may be newer than the command.
"""

from __future__ import annotations

import msgspec


class Cell(msgspec.Struct):
    """What a protocol and region lost."""

    protocol: str
    region: str
    bad: int
    judged: int


class Impact(msgspec.Struct):
    """What was lost in all that is affected."""

    bad: int
    judged: int
    cells: list[Cell]
    measured_at: float
    is_final: bool


class Affected(msgspec.Struct):
    """What is hit; `alert` is None where a person said so, `last` while it lasts."""

    alert: int | None
    scope: dict[str, str]
    first: int
    last: int | None


class Incident(msgspec.Struct):
    """One incident."""

    number: int
    service: str
    title: str
    state: str
    is_open: bool
    severity: str
    since: int
    opened_at: float
    opened_by: str
    due_at: float | None
    acknowledged_at: float | None
    acknowledged_by: str
    ended_at: float | None
    resolved_at: float | None
    detected_in_s: float
    acknowledged_in_s: float | None
    recovered_in_s: float | None
    impact: Impact | None
    affected: list[Affected]
    publication: str
    public_name: str
    public_components: list[str]
    held_components: list[str]
    is_public: bool
    awaiting_approval: bool | None
    merged_into: int | None


class Incidents(msgspec.Struct, rename={"next_": "next"}):
    """A page of them, the newest first."""

    now: float
    incidents: list[Incident]
    next_: str | None


class IncidentAnswer(msgspec.Struct):
    """An incident after something was done about it."""

    now: float
    incident: Incident


class Entry(msgspec.Struct):
    """One line of a timeline."""

    at: float
    kind: str
    who: str
    text: str
    public: str
    state: str
    alert: int | None
    scope: dict[str, str] | None


class Postmortem(msgspec.Struct):
    """What was learned; all empty where nobody wrote one."""

    summary: str
    cause: str
    affected: str
    resolution: str
    version: str


class PublicUpdate(msgspec.Struct):
    """What customers are told at a time."""

    at: float
    state: str
    body: str


class PublicRecord(msgspec.Struct):
    """What customers read, or would; the newest update first."""

    name: str
    state: str
    updates: list[PublicUpdate]
    cause: str
    affected: str
    resolution: str


class IncidentDetail(msgspec.Struct, rename={"next_": "next"}):
    """All that is known of one, with a part of its timeline."""

    now: float
    incident: Incident
    entries: list[Entry]
    next_: str | None
    postmortem: Postmortem
    snapshots: list[str]
    public: PublicRecord | None


class Times(msgspec.Struct):
    """How long something took; None where it never happened."""

    times: int
    mean_s: float | None
    median_s: float | None


class Numbers(msgspec.Struct):
    """Of some incidents."""

    incidents: int
    detect: Times
    acknowledge: Times
    recover: Times


class ServiceNumbers(msgspec.Struct):
    """Of one service's."""

    service: str
    numbers: Numbers


class IncidentNumbers(msgspec.Struct, rename={"from_": "from"}):
    """Of a while's."""

    from_: float
    to: float
    total: Numbers
    services: list[ServiceNumbers]
