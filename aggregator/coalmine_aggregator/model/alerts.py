"""Alerts and their transitions, as values. Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from coalmine_aggregator.model.counts import Counts
from coalmine_aggregator.model.scopes import Scope


class AlertClass(StrEnum):
    """What kind of trouble it is."""

    LOSS = "loss"


class Severity(StrEnum):
    """Whether somebody is woken."""

    PAGE = "page"
    TICKET = "ticket"


class Change(StrEnum):
    """What happened to an alert."""

    OPENED = "opened"
    CHANGED = "changed"
    CLOSED = "closed"


class Alert(NamedTuple):
    """One cause of trouble, as it stands.

    `id` is `<service>-<class>-<ordinal>`, the ordinal being the number of concurrent causes of that
    service and class that were open when it opened, plus one; the de-duplication key is
    `<fleet>/<service>/<class>/<ordinal>`. `number` counts all alerts of this aggregator and is never
    used again. Times are seconds since the epoch; `since` is the first slot with loss.
    `counts` are those of the scope over the window that decided, `beside` those of the rest of the
    service over the same slots. `window_s` is that window's length.
    """

    number: int
    fleet: str
    service: str
    alert_class: AlertClass
    ordinal: int
    severity: Severity
    scope: Scope
    since: int
    opened_at: float
    closed_at: float | None
    counts: Counts
    beside: Counts
    window_s: int
    acceptable_loss: float
    owner: str
    playbook: str

    @property
    def id(self) -> str:
        """The name by which people and commands call it."""
        return f"{self.service}-{self.alert_class}-{self.ordinal}"

    @property
    def dedup_key(self) -> str:
        """Stable over restarts and scope changes."""
        return f"{self.fleet}/{self.service}/{self.alert_class}/{self.ordinal}"


class Transition(NamedTuple):
    """What the alert machine hands out: an alert as it stands after a change."""

    change: Change
    at: float
    alert: Alert
