"""What the aggregator's API tells of alerts, as far as the command shows it. Pure.

The shapes are described in the API's own document, `/api/v1/openapi.json`. Members that are not named
here are passed over: an aggregator may be newer than the command.
"""

from __future__ import annotations

import msgspec


class Sums(msgspec.Struct):
    """Counts over some slots; `fates` by name."""

    expected: int
    bad: int
    judged: int
    loss: float | None
    fates: dict[str, int]


class Held(msgspec.Struct):
    """Why nobody is told of an open alert."""

    kind: str
    until: float | None
    by: str
    who: str
    why: str


class Told(msgspec.Struct):
    """One message to one receiver."""

    receiver: str
    target: str
    step: int
    repeat: int
    change: str
    made_at: float
    attempts: int
    state: str
    delivered_at: float | None
    dead: str
    error: str


class Alert(msgspec.Struct, rename={"alert_class": "class"}):
    """One alert, open or closed."""

    number: int
    id: str
    state: str
    service: str
    alert_class: str
    severity: str
    scope: dict[str, str]
    equivalents: list[dict[str, str]]
    cause: str
    effect: str
    note: str
    since: int
    opened_at: float
    closed_at: float | None
    sums: Sums
    beside: Sums
    total: Sums
    window_s: int
    acceptable_loss: float
    folded_into: str
    owner: str
    playbook: str
    acknowledged_at: float | None = None
    acknowledged_by: str = ""
    actionable: bool | None = None
    held: Held | None = None


class Alerts(msgspec.Struct):
    """The open ones, the oldest first, and closed ones, the newest first."""

    now: float
    open: list[Alert]
    recent: list[Alert]


class Statistic(msgspec.Struct):
    """A statistic beside its threshold; None stands for what is not finite."""

    name: str
    scope: dict[str, str]
    value: float | None
    threshold: float | None
    alternative: float | None
    judged: int
    bad: int


class Candidate(msgspec.Struct):
    """A set of scopes that could explain the counts."""

    scopes: list[dict[str, str]]
    score: float | None


class Change(msgspec.Struct):
    """What happened to the alert, how it then stood, and the evidence."""

    change: str
    at: float
    alert: Alert
    first_slot: int | None
    last_slot: int | None
    statistics: list[Statistic]
    candidates: list[Candidate]
    facts: dict[str, str]


class Explained(msgspec.Struct):
    """An alert as it stands, and all that happened to it, the oldest first."""

    now: float
    alert: Alert
    changes: list[Change]
    left_out: int
    told: list[Told] = msgspec.field(default_factory=list)
    incident: int | None = None


class Problem(msgspec.Struct):
    """A problem document (RFC 9457)."""

    type: str = ""
    detail: str = ""
    hint: str = ""
