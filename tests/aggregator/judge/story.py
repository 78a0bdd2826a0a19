"""A small fleet before a real engine, second by second: what it tells, in numbers that are some."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from coalmine_aggregator.engine import Engine, Tick
from coalmine_aggregator.judge.service import ServiceJudge
from coalmine_aggregator.model.alerts import Alert, AlertClass, Change, Severity, Transition
from coalmine_aggregator.model.fates import Fate
from coalmine_aggregator.model.policy import ServicePolicy
from coalmine_aggregator.model.remediation_policy import RemediationPolicy
from coalmine_aggregator.model.restored import Restored
from coalmine_aggregator.model.slo_minutes import MINUTE_COLUMNS
from coalmine_wire.reports import Outcome, Report, SlotReport, Step, Verdict
from tests.aggregator.fleet import Canary, Desk, T

POLICY = ServicePolicy("ingest", 0.001)

End = Fate | None
"""How a datapoint ends: DELIVERED, FAILED, ABANDONED, LOST, NOT_ATTEMPTED; None: nobody says."""

Course = Callable[[Canary, int, int], End]
"""The end of a canary's datapoint by endpoint and slot."""

_VERDICTS = {
    Fate.DELIVERED: Verdict.SENT,
    Fate.LOST: Verdict.SENT,
    Fate.FAILED: Verdict.FAILED,
    Fate.ABANDONED: Verdict.ABANDONED,
    Fate.NOT_ATTEMPTED: Verdict.SKIPPED,
}


def fleet(zones: int = 4, hosts: int = 3, **more: object) -> list[Canary]:
    """Zones z0, z1, ... of regions r0 (the first half) and r1."""
    return [
        Canary(
            f"z{zone}-{host}",
            f"z{zone}-{host}",
            zone=f"z{zone}",
            region=f"r{2 * zone // zones}",
            **more,  # type: ignore[arg-type]
        )
        for zone in range(zones)
        for host in range(hosts)
    ]


def well(canary: Canary, endpoint: int, slot: int) -> End:
    """Everything is delivered."""
    return Fate.DELIVERED


def losing(where: Callable[[Canary, int], bool], end: End = Fate.FAILED) -> Course:
    """Everything ends so where `where` holds of canary and endpoint."""
    return lambda canary, endpoint, slot: end if where(canary, endpoint) else Fate.DELIVERED


def in_zones(*zones: str) -> Callable[[Canary, int], bool]:
    return lambda canary, endpoint: canary.zone in zones


def on_hosts(hosts: Collection[str]) -> Callable[[Canary, int], bool]:
    return lambda canary, endpoint: canary.host in hosts


def report_of(canary: Canary, slot: int, ends: Sequence[End], *, sent_at: float = 0.0) -> Report:
    outcomes = []
    for endpoint, end in enumerate(ends):
        if end is not None:
            verdict = _VERDICTS[end]
            step = Step.CONNECT if verdict in (Verdict.FAILED, Verdict.ABANDONED) else None
            outcomes.append(Outcome(endpoint, verdict, step))
    slots = [SlotReport(slot, outcomes, [])]
    return Report(canary.agent, canary.boot, canary.revision, sent_at, slots, replayed=not sent_at)


@dataclass
class Story:
    """`told` are all transitions, each with the slot that was the present."""

    canaries: list[Canary]
    policy: ServicePolicy = POLICY
    restored: Restored | None = None
    began: float = T
    more: tuple[ServicePolicy, ...] = ()
    rules: dict[str, RemediationPolicy] = field(default_factory=dict)
    told: list[tuple[int, Transition]] = field(default_factory=list)
    learned: dict[str, str] = field(default_factory=dict)
    at: Desk = field(init=False)

    def __post_init__(self) -> None:
        policies = {each.name: each for each in (self.policy, *self.more)}
        self.at = Desk(
            Engine(
                fleet="test",
                policies=policies,
                sources=("tcp",),
                remediation=self.rules,
                restored=self.restored,
                now=float(self.began),
            )
        )
        for canary in self.canaries:
            self.engine.birth(canary.birth(), self.began + 0.2)

    @property
    def engine(self) -> Engine:
        return self.at.engine

    @property
    def service(self) -> ServiceJudge:
        return self.engine.judge.services[self.policy.name]

    def run(self, slots: Iterable[int], course: Course = well) -> None:
        """Plays slots, of each of which an agent reports half a second later."""
        for slot in slots:
            self.run_with(slot, course)

    def run_with(self, slot: int, course: Course, ticks: int = 5) -> None:
        """Plays one slot, looking so many times."""
        for canary in self.canaries:
            ends = [course(canary, each, slot) for each in range(len(canary.protocols))]
            arrived = [
                name for name, end in zip(canary.names(), ends, strict=True) if end is Fate.DELIVERED
            ]
            self.at.receive(arrived, slot)
            if any(end is not None for end in ends):
                report = report_of(canary, slot, ends, sent_at=slot + 0.5)
                self.engine.report(report, slot + 0.51)
        for part in range(1, ticks + 1):
            self.tick(slot + 0.4 + part / ticks)

    def tick(self, now: float) -> Tick:
        tick = self.at.tick(now)
        self.told += [(int(now), each) for each in tick.transitions]
        finite(tick.transitions)
        return tick

    def of(self, *classes: AlertClass) -> list[Transition]:
        """What was told of some classes, loss unless any are given."""
        wanted = classes or (AlertClass.LOSS,)
        return [each for _, each in self.told if each.alert.alert_class in wanted]

    def changes(self) -> list[Change]:
        return [each.change for each in self.of()]

    def pages(self) -> list[Alert]:
        """Everything that woke somebody."""
        return [
            each.alert
            for _, each in self.told
            if each.change is Change.OPENED and each.alert.severity is Severity.PAGE
        ]

    def open(self) -> list[Alert]:
        return [each for each in self.engine.open_alerts() if each.alert_class is AlertClass.LOSS]

    def next_run(self, births: bool = True) -> Restored:
        """What a store would hand to the next run."""
        kept = self.engine.kept()
        minutes = [(each, *sums) for name, each, sums in kept.minutes if name == self.policy.name]
        numbers = [each.alert.number for _, each in self.told]
        self.learned.update(kept.learned)
        return self.at.restored([each.birth() for each in self.canaries] if births else ())._replace(
            open_alerts=tuple(self.engine.open_alerts()),
            closed_alerts=tuple(self.engine.closed_alerts()),
            next_number=max(numbers, default=0) + 1,
            learned=dict(self.learned),
            slo={self.policy.name: np.array(minutes, dtype=np.int64).reshape(-1, MINUTE_COLUMNS)},
        )


def finite(value: object) -> None:
    """Walks all that is in a value: no number is NaN or infinite."""
    if isinstance(value, float):
        assert math.isfinite(value), value
    elif isinstance(value, dict):
        finite(list(value.items()))
    elif isinstance(value, tuple | list):
        for each in value:
            finite(each)
