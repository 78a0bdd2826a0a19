"""A view of a fleet that never was: the one seam at which the web part's tests stand.

Four regions, three locations, six protocols, one agent in each region and location (two external ones
in `us-east-1`). Every count follows from the slot alone, so that any range asked twice answers the
same; troubles are given as a list and act on the slots that they name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from coalmine_aggregator.model.alerts import Alert, AlertClass, Cause, Change, Severity, Transition
from coalmine_aggregator.model.audit_entry import AuditEntry
from coalmine_aggregator.model.counts import Counts
from coalmine_aggregator.model.endings import COLUMNS, OUTCOMES, RECEIVED
from coalmine_aggregator.model.explanation import Explanation, ScopeScore, Statistic
from coalmine_aggregator.model.fates import FATES, Fate
from coalmine_aggregator.model.scopes import scope_of
from coalmine_aggregator.model.unknown import REASONS, UnknownReason
from coalmine_aggregator.model.views import (
    AgentStatus,
    AgentView,
    GroupRates,
    GroupSums,
    NoiseView,
    SloView,
)
from coalmine_aggregator.paging.order import Hold, held_by
from coalmine_aggregator.web.view import Check, Health, Queue
from coalmine_wire.protocols import Protocol
from coalmine_wire.series import Location, Series, make_series
from coalmine_wire.slots import SETTLE_S
from tests.aggregator.web.fake_duty import FakeDuty
from tests.aggregator.web.fake_incidents import FakeIncidents
from tests.aggregator.web.fake_remediation import FakeRemediation

REGIONS = ("ap-southeast-2", "eu-west-1", "us-east-1", "us-west-2")
START = 1_790_000_000
"""When the fake aggregator started."""


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """From `first` to `last` (None: still), series with these labels end in `fate`, one in `every`."""

    where: Mapping[str, str]
    first: int
    last: int | None = None
    fate: Fate = Fate.LOST
    every: int = 1

    def strikes(self, series: Series, slot: int, number: int) -> bool:
        if slot < self.first or (self.last is not None and slot > self.last):
            return False
        return (slot + number) % self.every == 0 and carries(series, self.where)


def carries(series: Series, where: Mapping[str, str]) -> bool:
    """Whether the series has every one of these labels."""
    return all(str(getattr(series, label)) == value for label, value in where.items())


def fleet(service: str = "ingest", regions: Sequence[str] = REGIONS) -> list[Series]:
    """Every series of the fake fleet."""
    return [
        make_series(
            service=service,
            protocol=protocol,
            location=location,
            region=region,
            zone=f"{region}{'ab'[host]}",
            host=f"{location}-{region}-{host + 1}",
        )
        for location in Location
        for region in regions
        for host in range(2 if (location, region) == (Location.EXTERNAL, "us-east-1") else 1)
        for protocol in Protocol
    ]


class FakeSlo(NamedTuple):
    """A `SloView`: 99.9 % over 30 days, 40 % of the budget spent."""

    objective: float = 0.999
    window_s: int = 30 * 86_400
    judged: int = 1_000_000
    bad: int = 400
    allowed: float = 1000.0
    left: float = 0.6
    burn: Mapping[str, float | None] = {"5m": 0.0, "1h": 0.4, "6h": 1.2, "3d": None}


QUIET = NoiseView(
    rho=0.002,
    loss=0.0001,
    burst_loss=0.12,
    burst_span=1.0,
    q=0.3,
    c=6.0,
    learned_slots=3600,
    threshold=23.4,
    patterns=118,
)


@dataclass
class FakeView:
    """A `View` whose time is `now`, by a clock that never steps `boottime`; its holder moves both."""

    now: float = START + 3600.0
    boottime: float = 1000.0
    series: list[Series] = field(default_factory=fleet)
    troubles: list[Trouble] = field(default_factory=list)
    alerts: list[Alert] = field(default_factory=list)
    closed: list[Alert] = field(default_factory=list)
    checks: list[Check] = field(
        default_factory=lambda: [Check(name="broker", ok=True), Check(name="store", ok=True)]
    )
    odd: dict[str, int] = field(default_factory=dict)
    rejects: dict[tuple[str, str], int] = field(default_factory=dict)
    overrides: dict[str, AgentView] = field(default_factory=dict)
    unbalanced: bool = False
    objectives: dict[str, SloView] = field(default_factory=lambda: {"ingest": FakeSlo()})
    learned: dict[str, NoiseView] = field(default_factory=lambda: {"ingest": QUIET})
    history: list[Transition] = field(default_factory=list)
    audited: list[AuditEntry] = field(default_factory=list)
    held: dict[int, Hold] = field(default_factory=dict)
    remediation: FakeRemediation | None = None

    def __post_init__(self) -> None:
        self.duty = FakeDuty(self)
        self.incidents = FakeIncidents()

    def put_audit(self, entry: AuditEntry) -> None:
        self.audited.append(entry._replace(number=len(self.audited) + 1))

    async def audit(
        self, *, before: int, limit: int, actor: str = "", action: str = ""
    ) -> list[AuditEntry]:
        found = [
            each
            for each in reversed(self.audited)
            if each.number < before and actor in ("", each.actor) and action in ("", each.action)
        ]
        return found[:limit]

    @property
    def settled(self) -> int:
        return int(self.now) - SETTLE_S - 1

    def rates(
        self, by: Sequence[str], where: Mapping[str, str], first: int, last: int
    ) -> list[GroupRates]:
        slots = range(max(first, START), min(last, self.settled) + 1)
        members: dict[tuple[str, ...], list[tuple[int, Series]]] = {}
        for number, series in enumerate(self.series):
            if carries(series, where):
                key = tuple(str(getattr(series, label)) for label in by)
                members.setdefault(key, []).append((number, series))
        return [
            self._group(dict(zip(by, key, strict=True)), group, slots)
            for key, group in members.items()
            if slots
        ]

    def recent_sums(
        self, by: Sequence[str], where: Mapping[str, str], first: int, last: int
    ) -> GroupSums | None:
        groups = self.rates(by, where, first, last)
        slots = groups[0].slots if groups else []
        sums = np.zeros((len(slots), len(groups), COLUMNS), dtype=np.int32)
        for number, group in enumerate(groups):
            sums[:, number, : Fate.UNKNOWN] = np.array(group.fates)[:, : Fate.UNKNOWN]
            sums[:, number, Fate.UNKNOWN : OUTCOMES] = group.unknown
            sums[:, number, RECEIVED] = group.received
        return GroupSums(slots, [tuple(group.labels.values()) for group in groups], sums)

    def _group(
        self, labels: dict[str, str], members: list[tuple[int, Series]], slots: range
    ) -> GroupRates:
        # Only what some trouble may touch is looked at by slot; the rest is delivered.
        touched = [
            (number, series, [t for t in self.troubles if carries(series, t.where)])
            for number, series in members
        ]
        touched = [entry for entry in touched if entry[2]]
        fates, unknown, received = [], [], []
        for slot in slots:
            row = [0] * FATES
            row[Fate.DELIVERED] = len(members) - len(touched)
            for number, series, troubles in touched:
                struck = next((t for t in troubles if t.strikes(series, slot, number)), None)
                row[struck.fate if struck else Fate.DELIVERED] += 1
            reasons = [0] * REASONS
            reasons[UnknownReason.SILENT] = row[Fate.UNKNOWN]
            fates.append(row)
            unknown.append(reasons)
            received.append(row[Fate.DELIVERED])
        expected = [len(members) + self.unbalanced] * len(slots)
        return GroupRates(labels, list(slots), expected, received, fates, unknown)

    def agents(self, now: float) -> list[AgentView]:
        hosts = {series.host: series for series in self.series}
        return [self.overrides.get(host) or self._agent(series) for host, series in hosts.items()]

    def _agent(self, series: Series) -> AgentView:
        endpoints = sum(1 for other in self.series if other.host == series.host)
        rates = self.rates((), {"host": series.host}, self.settled - 59, self.settled)
        return AgentView(
            agent=series.host,
            location=str(series.location),
            region=series.region,
            zone=series.zone,
            host=series.host,
            boot="0f3a",
            version="0.1.0",
            status=AgentStatus.ALIVE,
            last_slot=self.settled + 2,
            impaired=(),
            offset_s=0.0004 * (len(series.host) % 7) - 0.001,
            endpoints=endpoints,
            expected_60s=sum(sum(group.expected) for group in rates),
            received_60s=sum(sum(group.received) for group in rates),
            unknown_60s={},
        )

    def override(self, host: str, **changes: object) -> None:
        """Makes one agent look otherwise."""
        series = next(series for series in self.series if series.host == host)
        self.overrides[host] = replace(self._agent(series), **changes)  # type: ignore[arg-type]

    def open_alerts(self) -> list[Alert]:
        return list(self.alerts)

    def recent_alerts(self, limit: int) -> list[Alert]:
        return self.closed[:limit]

    def holds(self, now: float) -> dict[int, Hold]:
        silenced = {
            alert.number: held_by(silence)
            for alert in self.open_alerts()
            for silence in self.duty.silences(now)
            if silence.holds(alert, now) and alert.acknowledged_at is None
        }
        return {**self.held, **silenced}

    async def explain(self, ref: str) -> list[Transition] | None:
        return [each for each in self.history if ref in (each.alert.id, str(each.alert.number))] or None

    def slo(self) -> dict[str, SloView]:
        return self.objectives

    def burn_down(self, service: str, points: int) -> list[tuple[int, float]]:
        return [(self.settled - 60 * back, 0.6 + 0.01 * back) for back in reversed(range(points))]

    def noise(self) -> dict[str, NoiseView]:
        return self.learned

    def incident_of(self, alert: int) -> int:
        return self.incidents.of_alert(alert)

    def oddities(self) -> dict[str, int]:
        return dict(self.odd)

    def health(self) -> Health:
        return Health(
            fleet="demo",
            version="0.1.0",
            started_at=float(START),
            settled=self.settled,
            settle_lag_s=0.012,
            settle_s=0.0008,
            checks=self.checks,
            queues={"store": Queue(depth=2, bound=600, dropped=0)},
            receipts={"tcp": 1200, "udp": 1100},
            rejects=self.rejects,
            connections={"tcp": 3},
        )


def make_alert(
    number: int = 1,
    *,
    scope: Mapping[str, str] | None = None,
    since: int = START + 3500,
    closed_at: float | None = None,
    lost: int = 40,
    service: str = "ingest",
    playbook: str = "https://wiki.example/ingest#udp",
    owner: str = "ingest-oncall",
    alert_class: AlertClass = AlertClass.LOSS,
    **changes: object,
) -> Alert:
    """A loss alert with plausible counts; `changes` are of its other fields."""
    alert = Alert(
        number=number,
        fleet="demo",
        service=service,
        alert_class=alert_class,
        ordinal=1,
        severity=Severity.PAGE,
        scope=scope_of({"protocol": "udp", "region": "eu-west-1"} if scope is None else scope),
        since=since,
        opened_at=since + 4.2,
        closed_at=closed_at,
        counts=Counts(0, (0, 0, 0, lost, 0, 0, 0)),
        beside=Counts(740, (740, 0, 0, 0, 0, 0, 0)),
        window_s=10,
        acceptable_loss=0.001,
        owner=owner,
        playbook=playbook,
        equivalents=(scope_of({"protocol": "udp", "zone": "eu-west-1a"}),) if scope is None else (),
        cause=Cause.SERVICE,
        effect="lost",
        note="on-machine fails too",
        total=Counts(3, (3, 0, 0, 4 * lost, 0, 0, 0)),
    )
    return alert._replace(**changes)  # type: ignore[arg-type]


def make_history(alert: Alert) -> list[Transition]:
    """What may have happened to an alert: at first it was thought to be of the whole service."""
    wide: tuple[tuple[str, str], ...] = ()
    statistics = (
        Statistic("cusum", wide, 31.5, 23.4, 0.5, 780, 10),
        Statistic("cusum", alert.scope, 96.7, 23.4, 0.99, 40, 40),
    )
    candidates = (
        ScopeScore((alert.scope,), 214.3),
        ScopeScore((scope_of({"protocol": "tcp"}), scope_of({"zone": "dc1-a"})), 101.2),
        ScopeScore((wide,), 40.1),
    )
    opened = Transition(
        Change.OPENED,
        alert.opened_at,
        alert._replace(scope=wide, equivalents=(), cause=Cause.UNKNOWN, closed_at=None),
        Explanation(alert.since, alert.since + 3, statistics[:1], candidates[2:]),
    )
    changed = Transition(
        Change.CHANGED,
        alert.opened_at + 2.0,
        alert._replace(closed_at=None),
        Explanation(
            alert.since,
            alert.since + 5,
            statistics,
            candidates,
            (("external", "10 of 30 lost"), ("on-machine", "4 of 4 lost")),
        ),
    )
    if alert.closed_at is None:
        return [opened, changed]
    return [opened, changed, Transition(Change.CLOSED, alert.closed_at, alert)]
