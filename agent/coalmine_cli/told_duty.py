"""What the aggregator's API tells people on duty, as far as commands show it. Pure.

Members that are not named here are passed over: an aggregator may be newer than the command.
"""

from __future__ import annotations

import msgspec

from coalmine_cli.told import Alert


class Me(msgspec.Struct):
    """`csrf` is sent along by who comes without a token."""

    csrf: str


class AlertAnswer(msgspec.Struct):
    """An alert after something was done about it."""

    now: float
    alert: Alert


class Match(msgspec.Struct, rename={"class_": "class"}):
    """Which alerts."""

    service: list[str]
    class_: list[str]
    severity: list[str]
    location: list[str]
    labels: dict[str, str]


class Silence(msgspec.Struct):
    """A silence, or a maintenance window."""

    id: str
    kind: str
    state: str
    match: Match
    who: str
    why: str
    starts_at: float
    ends_at: float
    ended_at: float | None
    takes: int
    public: str = ""


class SilenceAnswer(msgspec.Struct):
    """A silence after something was done about it."""

    now: float
    silence: Silence


class Silences(msgspec.Struct):
    """Those that hold, or will."""

    now: float
    silences: list[Silence]


class Turn(msgspec.Struct):
    """Who is on call, until when, and who is next; None and empty where nobody else is."""

    rota: str
    person: str
    until: float | None
    following: str


class OnCall(msgspec.Struct):
    """All rotas."""

    now: float
    rotas: list[Turn]


class Spread(msgspec.Struct):
    """Of lengths of time, in seconds."""

    median_s: float
    p90_s: float


class Numbers(msgspec.Struct):
    """Of some pages."""

    pages: int
    held: int
    acknowledged: int
    to_acknowledge: Spread | None
    resolved: int
    to_resolve: Spread | None
    answered: int
    actionable: int


class Rule(msgspec.Struct, rename={"class_": "class"}):
    """The numbers of one service and class."""

    service: str
    class_: str
    numbers: Numbers


class Review(msgspec.Struct, rename={"from_": "from"}):
    """The numbers of a while."""

    from_: float
    to: float
    total: Numbers
    rules: list[Rule]
