"""What an aggregator of a pair says of itself, as JSON on its retained topic. Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import msgspec

from coalmine_aggregator.model.alerts import Alert, AlertClass, Severity
from coalmine_aggregator.model.claims import Claim
from coalmine_aggregator.model.progress import LATE_S, Counting
from coalmine_wire.bad_json import BAD_JSON
from coalmine_wire.reports import MAX_PAYLOAD

MAX_ALERTS = 1_000
MAX_OVER = 1_000
MAX_TOLD = 200
MAX_SCOPES = 20
MAX_LABELS = 16
MAX_SILENCES = 200
"""Of each only so many are told; what is past them is as if the other were not there."""

MAX_SILENCE = 20_000
"""Characters of one silence."""

Text = Annotated[str, msgspec.Meta(max_length=1_000)]
Pattern = Annotated[list[tuple[Text, Text]], msgspec.Meta(max_length=MAX_LABELS)]

Telling = tuple[str, str, int, int]
"""Receiver, person, step, repeat: one notice that was taken."""


class WordError(ValueError):
    """A message that is not of this schema; says what is wrong."""


class Life(StrEnum):
    """`stopped` is said by one that ends by order, `lost` by its last will."""

    RUNNING = "running"
    STOPPED = "stopped"
    LOST = "lost"


class Open(msgspec.Struct, omit_defaults=True, frozen=True):
    """An open alert and the notices of it that were taken."""

    service: Text
    alert_class: AlertClass
    ordinal: Annotated[int, msgspec.Meta(ge=1)]
    severity: Severity
    since: int
    scopes: Annotated[list[Pattern], msgspec.Meta(max_length=MAX_SCOPES)] = []
    handle: Text = ""
    opened_at: float = 0.0
    told: Annotated[list[tuple[Text, Text, int, int]], msgspec.Meta(max_length=MAX_TOLD)] = []
    acknowledged_by: Text = ""

    @property
    def key(self) -> tuple[str, AlertClass, int]:
        """What its de-duplication key is made of, beside the fleet."""
        return (self.service, self.alert_class, self.ordinal)

    @property
    def claim(self) -> Claim:
        """The same, as the alert machine takes it."""
        scopes = tuple(tuple(scope) for scope in self.scopes)
        return Claim(self.service, self.alert_class, self.ordinal, scopes, self.handle)


class Over(msgspec.Struct, omit_defaults=True, frozen=True):
    """An alert that ended lately, and the receivers and persons that took its end."""

    service: Text
    alert_class: AlertClass
    ordinal: int
    since: int
    closed_at: float
    told: Annotated[list[tuple[Text, Text]], msgspec.Meta(max_length=MAX_TOLD)] = []

    @property
    def key(self) -> tuple[str, AlertClass, int]:
        """As of `Open`."""
        return (self.service, self.alert_class, self.ordinal)


class Word(msgspec.Struct, omit_defaults=True, frozen=True):
    """All of it. `sent_at` is the sender's clock, `settled` its newest settled slot. `silences` are
    those that hold or will, `ended` the ids of those that were ended by hand."""

    aggregator: Text
    life: Life
    sent_at: float = 0.0
    settled: int | None = None
    counting: Counting = Counting.UNCHECKED
    open: Annotated[list[Open], msgspec.Meta(max_length=MAX_ALERTS)] = []
    over: Annotated[list[Over], msgspec.Meta(max_length=MAX_OVER)] = []
    silences: Annotated[
        list[Annotated[str, msgspec.Meta(max_length=MAX_SILENCE)]],
        msgspec.Meta(max_length=MAX_SILENCES),
    ] = []
    ended: Annotated[list[Text], msgspec.Meta(max_length=MAX_SILENCES)] = []
    v: int = 1

    @property
    def is_well(self) -> bool:
        """Whether its sender ran, settled in time, and knew of no miscount."""
        if self.life is not Life.RUNNING or self.settled is None:
            return False
        return self.counting is not Counting.WRONG and self.sent_at - self.settled < LATE_S


def open_of(alert: Alert, told: list[Telling]) -> Open:
    """An open alert as it is told to the other aggregator."""
    scopes = (alert.scope, *alert.equivalents)[:MAX_SCOPES]
    return Open(
        service=alert.service,
        alert_class=alert.alert_class,
        ordinal=alert.ordinal,
        severity=alert.severity,
        since=alert.since,
        scopes=[list(scope) for scope in scopes],
        handle=alert.handle[:1_000],
        opened_at=alert.opened_at,
        told=told[-MAX_TOLD:],
        acknowledged_by=alert.acknowledged_by[:1_000],
    )


def encode(word: Word) -> bytes:
    """JSON of at most `MAX_PAYLOAD` bytes: what does not fit is left out, silences first."""
    for part in (word, msgspec.structs.replace(word, silences=[], over=word.over[-100:])):
        body = msgspec.json.encode(part)
        if len(body) <= MAX_PAYLOAD:
            return body
    return msgspec.json.encode(msgspec.structs.replace(word, silences=[], over=[], open=[]))


def decode(body: bytes) -> Word:
    """The word. Raises `WordError`."""
    if len(body) > MAX_PAYLOAD:
        raise WordError(f"{len(body)} bytes")
    try:
        return msgspec.json.decode(body, type=Word)
    except BAD_JSON as error:
        raise WordError(str(error)) from None
