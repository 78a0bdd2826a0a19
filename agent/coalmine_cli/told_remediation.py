"""What the aggregator's API tells of remediation, as far as commands show it. Pure.

Members that are not named here are passed over: an aggregator may be newer than the command.
"""

from __future__ import annotations

import msgspec


class Line(msgspec.Struct):
    """How it stands, in one sentence."""

    status: str
    text: str
    since: float | None
    why: str


class Stop(msgspec.Struct):
    """Who stopped all of it."""

    by: str
    why: str
    at: float | None


class Rules(msgspec.Struct):
    """Of the rules, those that are shown; seconds."""

    floor: int
    per_minute: int
    quorum: int
    lease_s: float
    most_out: int | None


class Sight(msgspec.Struct):
    """What one vantage holds of a node."""

    host: str
    own: bool
    opinion: str
    judged: int
    bad: int
    window_s: int
    failing: list[str]


class Node(msgspec.Struct):
    """One node."""

    node: str
    zone: str
    verdict: str
    since: int
    sights: list[Sight]
    sights_total: int


class Withdrawal(msgspec.Struct):
    """A node that is out, or would be."""

    node: str
    since: float
    phase: str
    hold_until: float
    repeats: int
    why: str
    by: str


class Held(msgspec.Struct):
    """A node that a rail keeps in."""

    node: str
    rail: str
    text: str


class Verifying(msgspec.Struct):
    """A withdrawal that must have helped by `until`."""

    node: str
    until: float


class Service(msgspec.Struct):
    """One service."""

    service: str
    mode: str
    rules: Rules
    nodes: list[Node]
    nodes_total: int
    withdrawn: list[Withdrawal]
    held: list[Held]
    frozen: str
    verifying: list[Verifying]


class Output(msgspec.Struct):
    """One place where it is said who is out."""

    name: str
    out: dict[str, list[str]] | None
    confirmed_at: float | None
    trouble: str
    differs: str


class Pin(msgspec.Struct):
    """A person's word on a node."""

    service: str
    node: str
    state: str
    by: str
    why: str
    at: float


class Remediation(msgspec.Struct):
    """All of it."""

    now: float
    line: Line
    mode: str
    stopped: Stop | None
    holder: bool
    peer: str
    services: list[Service]
    outputs: list[Output]
    pins: list[Pin]


class Controls(msgspec.Struct):
    """What people say, after somebody said something."""

    now: float
    stopped: Stop | None
    pins: list[Pin]


class Event(msgspec.Struct):
    """A line of the log."""

    number: int
    kind: str
    at: float
    service: str
    node: str
    rail: str
    text: str
    evidence: list[str]
    by: str
    dry_run: bool


class Log(msgspec.Struct, rename={"next_": "next"}):
    """A page of it, the newest first."""

    now: float
    events: list[Event]
    next_: str | None
