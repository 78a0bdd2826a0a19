"""The seam between the web part and the rest: what pages, API and metrics read. Pure.

Every method but `put_audit` and those of `duty`, `incidents` and `remediation` changes nothing, and
all but `explain` and `audit` answer from memory and at once. `Engine` gives most of them; the wiring
adds `holds`, `recent_alerts`, `explain` and the audit log (from the store) and `health`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from coalmine_aggregator.model.alerts import Alert, Transition
from coalmine_aggregator.model.audit_entry import AuditEntry
from coalmine_aggregator.model.views import AgentView, GroupRates, GroupSums, NoiseView, SloView
from coalmine_aggregator.paging.order import Hold
from coalmine_aggregator.web.duty import Duty
from coalmine_aggregator.web.incident_desk import IncidentDesk
from coalmine_aggregator.web.remediation_desk import RemediationDesk


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that must hold for the aggregator to be ready; `detail` says what it is or lacks."""

    name: str
    ok: bool
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """A bounded queue: items in it, how many fit, and how many were dropped since the start."""

    depth: int
    bound: int
    dropped: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """The aggregator's own state.

    `settled` is the last settled slot, None before the first. `settle_lag_s` is how long after it was
    due that slot was settled, `settle_s` how long settling took. `receipts` counts datapoints by
    receipt source, `rejects` what was refused by (source, reason), `connections` the open ones by
    source. `deliveries` counts attempts to tell a receiver by (receiver, result: delivered, failed,
    dead), `undelivered` what waits for one. All counts are since `started_at`.
    """

    fleet: str
    version: str
    started_at: float
    settled: int | None
    settle_lag_s: float = 0.0
    settle_s: float = 0.0
    checks: Sequence[Check] = ()
    queues: Mapping[str, Queue] = field(default_factory=dict)
    receipts: Mapping[str, int] = field(default_factory=dict)
    rejects: Mapping[tuple[str, str], int] = field(default_factory=dict)
    connections: Mapping[str, int] = field(default_factory=dict)
    deliveries: Mapping[tuple[str, str], int] = field(default_factory=dict)
    undelivered: Mapping[str, int] = field(default_factory=dict)

    @property
    def ready(self) -> bool:
        """Whether every check holds."""
        return all(check.ok for check in self.checks)


class SnapshotView(Protocol):
    """What a snapshot of the page is made of. Slots are seconds since the epoch, ranges include both
    ends."""

    @property
    def remediation(self) -> RemediationDesk | None:
        """What people look at and do of remediation; None of the past, or where nothing opted in."""

    def rates(
        self, by: Sequence[str], where: Mapping[str, str], first: int, last: int
    ) -> list[GroupRates]:
        """Counts by slot of the series that carry the labels of `where`, grouped by those of `by`."""

    def agents(self, now: float) -> list[AgentView]:
        """Every agent of the roster."""

    def open_alerts(self) -> list[Alert]:
        """The alerts that are open, the oldest first."""

    def holds(self, now: float) -> Mapping[int, Hold]:
        """Why nobody is told of open alerts at `now`, by number; the others are not in it."""

    def recent_alerts(self, limit: int) -> list[Alert]:
        """At most `limit` alerts that are closed, the newest first."""

    def incident_of(self, alert: int) -> int:
        """The number of the incident that an alert belongs to, as far as memory tells; 0 for none."""

    def slo(self) -> Mapping[str, SloView]:
        """The objective and the error budget of every service."""

    def noise(self) -> dict[str, NoiseView]:
        """What was learned of the noise of every service."""

    def oddities(self) -> dict[str, int]:
        """Receipts apart from every sum, by kind: duplicates, unknown series, ..."""

    def health(self) -> Health:
        """The aggregator itself."""


class View(SnapshotView, Protocol):
    """What can be looked at, and what people on duty do."""

    @property
    def duty(self) -> Duty:
        """What people on duty do."""

    @property
    def incidents(self) -> IncidentDesk:
        """What people do with incidents."""

    def recent_sums(
        self, by: Sequence[str], where: Mapping[str, str], first: int, last: int
    ) -> GroupSums | None:
        """The counts of `rates` of as many of these slots, the newest ones, as can be had within
        milliseconds; None if not even one can."""

    async def explain(self, ref: str) -> list[Transition] | None:
        """Everything that happened to an alert, oldest first; None if there is no such alert. `ref` is
        its number, or its id: then the newest alert of that id is meant."""

    def burn_down(self, service: str, points: int) -> list[tuple[int, float]]:
        """The fraction of a service's error budget that was left at `points` slots or fewer, evenly
        over its window, the newest last. Empty for a service that there is not."""

    def put_audit(self, entry: AuditEntry) -> None:
        """Somebody did something."""

    async def audit(
        self, *, before: int, limit: int, actor: str = "", action: str = ""
    ) -> list[AuditEntry]:
        """At most `limit` entries of the audit log with numbers below `before`, the newest first; only
        those of this actor and this action where these are not empty."""
