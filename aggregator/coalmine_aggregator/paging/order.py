"""What `Dispatch` asks for, what it is told of an earlier run, and what it says of alerts that wait.
Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from coalmine_aggregator.model.alerts import Severity, Transition
from coalmine_aggregator.paging.silence import Silence


class Order(NamedTuple):
    """Tell this to one receiver.

    `transition` is the newest one of its alert, but for its change: who has not heard of the alert yet
    is told that it opened, whatever has happened to it since. `to` is a person's name, empty where the
    receiver needs none. `step` is 0 for what routes tell; steps of escalations count from 1, see
    `PagingPolicy.step_number`. `repeat` counts from 0 how often a step was told before.
    """

    transition: Transition
    receiver: str
    to: str = ""
    step: int = 0
    repeat: int = 0


class Recipients(NamedTuple):
    """A transition and who is to hear of it, perhaps nobody."""

    transition: Transition
    orders: tuple[Order, ...]


class Made(NamedTuple):
    """A notice of an alert that is still open, as the outbox remembers it. Delivered, under way or
    given up: it is not made again.

    `number` and `severity` are those of the alert as it was told; `at` is when the notice was made,
    seconds since the epoch; the rest is as in `Order`.
    """

    number: int
    severity: Severity
    receiver: str
    to: str
    step: int
    repeat: int
    at: float


class HoldKind(StrEnum):
    """Why an open alert is not told now."""

    SILENCE = "silence"
    MAINTENANCE = "maintenance"
    INHIBITED = "inhibited"
    HOURS = "hours"


class Hold(NamedTuple):
    """An open alert is not told now.

    `until` is when that ends if nothing else happens, seconds since the epoch; None where nobody knows.
    `by` is the id of the silence or of the wider alert, empty for hours. `why` and `who` are those of
    the silence.
    """

    kind: HoldKind
    until: float | None = None
    by: str = ""
    who: str = ""
    why: str = ""


def held_by(silence: Silence) -> Hold:
    """The hold of a silence or a maintenance window."""
    kind = HoldKind(silence.kind.value)
    return Hold(kind, silence.over_at, silence.id, silence.who, silence.why)
