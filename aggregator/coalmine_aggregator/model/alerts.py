"""Alerts and their transitions, as values. Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from coalmine_aggregator.model.counts import NOTHING, Counts
from coalmine_aggregator.model.explanation import Explanation
from coalmine_aggregator.model.scopes import Scope


class AlertClass(StrEnum):
    """What kind of trouble it is, the one that matters most first."""

    LOSS = "loss"
    SELF_CHECK = "self_check"
    BLIND = "blind"
    AGENTS_MISSING = "agents_missing"
    REMEDIATION_FREEZE = "remediation_freeze"
    REMEDIATION_REVERT = "remediation_revert"
    BURN = "burn"
    LATE = "late"
    DUPLICATES = "duplicates"
    SLOW = "slow"
    CERTIFICATE = "certificate"
    BUDGET = "budget"
    IDENTITY_CLASH = "identity_clash"
    UNDELIVERED = "undelivered"
    REMEDIATION_OUTPUT = "remediation_output"
    PEER = "peer"
    UPDATE_DUE = "update_due"


class Severity(StrEnum):
    """Whether somebody is woken."""

    PAGE = "page"
    TICKET = "ticket"


class Cause(StrEnum):
    """Whose fault a loss is, as far as the places that see it tell."""

    SERVICE = "service"
    NETWORK = "network"
    AGENT = "agent"
    RECEIPT_PATH = "receipt_path"
    UNKNOWN = "unknown"


class Change(StrEnum):
    """What happened to an alert."""

    OPENED = "opened"
    CHANGED = "changed"
    ACKNOWLEDGED = "acknowledged"
    CLOSED = "closed"


class Reach(NamedTuple):
    """How far the trouble reaches along a label: `affected` of its `total` values, such as 22 hosts of
    44."""

    label: str
    affected: int
    total: int


class Alert(NamedTuple):
    """One cause of trouble, as it stands.

    `id` is `<service>-<class>-<ordinal>`, the ordinal being the smallest number that no other open
    alert of that service and class had when it opened; the de-duplication key is
    `<fleet>/<service>/<class>/<ordinal>`. `number` counts all alerts of this aggregator and is never
    used again. Times are seconds since the epoch; `since` is the first slot with loss.
    `counts` are those of the scope over the window that decided, `beside` those of the rest of the
    service over the same slots. `window_s` is that window's length. `total` are those of the scope
    since `since`, kept exact while late evidence revises them, also after the end.

    `equivalents` are scopes that name the very same series. `effect` is the fate that most of the bad
    datapoints ended in (a fate's label; empty where the class is not about fates): an outage whose data
    is replayed turns from lost to late. `note` says in a sentence what the fields cannot. `folded_into`
    is the id of the wider alert that took this one in when it closed, else empty. `handle` is what its
    detector knows it by.

    `steps` are the first things to do, `playbook` links to the rest. `reach` says how many places and
    machines of the scope were touched. Who acknowledged it works on it, so that nobody else is called.
    `actionable` is what people answered after its end: whether there was anything to do; None where
    nobody has.
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
    equivalents: tuple[Scope, ...] = ()
    cause: Cause = Cause.UNKNOWN
    effect: str = ""
    note: str = ""
    total: Counts = NOTHING
    folded_into: str = ""
    handle: str = ""
    acknowledged_at: float | None = None
    acknowledged_by: str = ""
    actionable: bool | None = None
    reach: tuple[Reach, ...] = ()
    steps: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """The name by which people and commands call it."""
        return f"{self.service}-{self.alert_class}-{self.ordinal}"

    @property
    def dedup_key(self) -> str:
        """Stable over restarts and scope changes."""
        return f"{self.fleet}/{self.service}/{self.alert_class}/{self.ordinal}"


class Transition(NamedTuple):
    """What the alert machine hands out: an alert as it stands after a change, and why."""

    change: Change
    at: float
    alert: Alert
    explanation: Explanation = Explanation()
