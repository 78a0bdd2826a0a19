"""What the aggregator's live feed tells each second, as far as a terminal shows it. Pure."""

from __future__ import annotations

import msgspec

from coalmine_cli.told import Alert


class Check(msgspec.Struct):
    """One thing that must hold."""

    name: str
    ok: bool
    detail: str


class Headline(msgspec.Struct):
    """What is wrong first of all; `since` and `more` are of the worst alert that is open."""

    status: str
    text: str
    since: int | None
    more: int


class Cell(msgspec.Struct):
    """A protocol in a region, seen from a location; the lists end with the newest settled second."""

    service: str
    location: str
    protocol: str
    region: str
    status: str
    bad_60s: int
    judged_60s: int
    received: list[int]
    expected: list[int]


class Agent(msgspec.Struct):
    """One agent; those that somebody should look at come first."""

    agent: str
    status: str
    region: str
    impaired: list[str]
    note: str


class Snapshot(msgspec.Struct):
    """One second. The totals count what there is, also beyond what is listed."""

    now: float
    fleet: str
    version: str
    settled: int | None
    headline: Headline
    checks: list[Check]
    cells: list[Cell]
    cells_total: int
    open: list[Alert]
    open_total: int
    agents: list[Agent]
    agents_total: int
    agents_by_status: dict[str, int]
    viewers: int
