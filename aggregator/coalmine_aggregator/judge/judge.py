"""The judge: from settled slots to alerts, over all services. Pure.

Real runs, replays and tests drive the same judge. It is handed what the ledger settled and revised,
what the roster says of the agents, and the time; it hands out transitions.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from coalmine_aggregator.alerts import machine
from coalmine_aggregator.detect.learning import Learned
from coalmine_aggregator.detect.self_check import Proof
from coalmine_aggregator.judge import clashes, costs
from coalmine_aggregator.judge.clashes import Aside
from coalmine_aggregator.judge.control import ControlCheck
from coalmine_aggregator.judge.costs import NO_COSTS
from coalmine_aggregator.judge.fault import Sources
from coalmine_aggregator.judge.missing import FLEET, MissingWatch
from coalmine_aggregator.judge.past import ServicePast
from coalmine_aggregator.judge.service import ServiceJudge
from coalmine_aggregator.judge.silence import Silence
from coalmine_aggregator.judge.slowness import SlownessWatch
from coalmine_aggregator.judge.withdrawn import over_because
from coalmine_aggregator.ledger.series import CONTROL, AllSeries
from coalmine_aggregator.model.alerts import Alert, AlertClass, Change, Transition
from coalmine_aggregator.model.claims import Claim
from coalmine_aggregator.model.explanation import SELF_CHECK
from coalmine_aggregator.model.findings import Finding
from coalmine_aggregator.model.policy import NO_POLICY, DetectionPolicy, ServicePolicy
from coalmine_aggregator.model.presence import Presence
from coalmine_aggregator.model.restored import MOST_CLOSED
from coalmine_aggregator.model.slo_minutes import MinuteSums
from coalmine_aggregator.model.slot_cells import OpenSlot, Revision, SlotCells
from coalmine_aggregator.model.timings import NO_TIMINGS, Timings

DETECTED_S = 60
"""Revisions of older slots change history and never page."""


NOISE = "noise"
STEP_TIMES = "step_times"
COSTS = "costs"
WITHDRAWN = "withdrawn"
"""Names of what is kept: the noise of each service, the step times of all, what each service's losses
have cost, which of its nodes were out of it when."""

KEPT_EVERY_S = 60
"""Slots after which what was learned is kept anew."""

OPEN_EVERY_S = 2
"""Slots after which the open loss alerts are kept as they stand."""


class Evidence(NamedTuple):
    """What became known since the last step.

    `presence` gives every agent that is expected to report, and is asked only while one is missing;
    `asides` are the agents that were set aside. `watched` is what is wrong with the aggregator
    itself, as its watchers find; `claims` are the open alerts of the other aggregator of a pair.
    """

    cells: Sequence[SlotCells] = ()
    revisions: Sequence[Revision] = ()
    open_slots: Sequence[OpenSlot] = ()
    presence: Callable[[], Sequence[Presence]] | None = None
    asides: Sequence[Aside] = ()
    sources: Sources = Sources()
    timings: Timings = NO_TIMINGS
    watched: Sequence[Finding] = ()
    claims: Sequence[Claim] = ()


class Kept(NamedTuple):
    """What is kept over restarts: (service, minute, sums) of objectives, (name, JSON) of what was
    learned and of what losses have cost, alerts as they stand without a transition: open ones of loss,
    and closed ones whose counts late evidence has corrected."""

    minutes: list[tuple[str, int, MinuteSums]]
    learned: list[tuple[str, str]]
    amended: list[Alert]


class Judge:
    """All services of an aggregator."""

    def __init__(
        self,
        fleet: str,
        policies: Mapping[str, ServicePolicy],
        detection: DetectionPolicy,
        *,
        began: int,
        next_number: int = 1,
        open_alerts: Sequence[Alert] = (),
        closed_alerts: Sequence[Alert] = (),
        learned: Mapping[str, str] | None = None,
        minutes: Mapping[str, NDArray[np.int64]] | None = None,
        control_key: bytes | None = None,
        own: ServicePolicy = NO_POLICY,
    ) -> None:
        """`began` is the first slot of this run; what an earlier run left comes with it. `control_key`
        is that of the control agents, `own` what alerts about Coalmine itself carry."""
        self._policies = {**policies, FLEET: own, CONTROL: own}
        learned, minutes = learned or {}, minutes or {}
        share = detection.false_pages_per_year / max(len(policies), 1)
        self.services = {
            name: ServiceJudge(
                policy,
                began,
                share,
                ServicePast(
                    [alert for alert in open_alerts if alert.service == name],
                    [alert for alert in closed_alerts if alert.service == name],
                    costs.read(learned.get(f"{COSTS}/{name}", NO_COSTS)),
                    minutes.get(name),
                    Learned.from_dict(_read(learned.get(f"{NOISE}/{name}"))),
                    learned.get(f"{WITHDRAWN}/{name}", ""),
                ),
            )
            for name, policy in policies.items()
        }
        self.slowness = SlownessWatch(policies, detection)
        self.slowness.restore(_read(learned.get(STEP_TIMES)))
        accepted = max((policy.acceptable_loss for policy in policies.values()), default=0.0)
        self.control = ControlCheck(control_key, accepted)
        self._silence = Silence()
        self._missing = MissingWatch()
        self._began = began
        self._kept = self._kept_open = 0
        self._costs = {name: learned.get(f"{COSTS}/{name}", NO_COSTS) for name in policies}
        self._closed = {(alert.service, alert.handle): alert for alert in closed_alerts}
        self._amended: list[Alert] = []
        self._alerts = machine.State(
            fleet, next_number, tuple(open_alerts), float(began) if open_alerts else 0.0
        )

    @property
    def open(self) -> tuple[Alert, ...]:
        """The open alerts, the oldest first."""
        return self._alerts.open

    @property
    def closed(self) -> tuple[Alert, ...]:
        """The closed loss alerts whose counts are still corrected, the oldest first."""
        return tuple(self._closed.values())

    def pause(self, slot: int) -> None:
        """Time jumped, or nobody looked for a while: what needs a steady view waits."""
        for service in self.services.values():
            service.blind.pause(slot)

    def withdraw(self, service: str, nodes: frozenset[str], slot: int) -> None:
        """Exactly these nodes of a service get no traffic from this slot on: what leads to them is in
        none of its counts. Whose agents are silent is told all the same."""
        self.services[service].withdrawn.tell(nodes, slot)

    def step(self, evidence: Evidence, series: AllSeries, now: float) -> list[Transition]:
        """Takes in the evidence."""
        newest = evidence.cells[-1].slot if evidence.cells else None
        presence = evidence.presence() if evidence.presence is not None else ()
        self._silence.look(presence, int(now))
        for service in self.services.values():
            if evidence.cells or evidence.open_slots or evidence.revisions:
                service.learn(series)
            for revision in evidence.revisions:
                last = service.loss.history.last or self._began - 1  # nothing is settled at first
                reference = newest if newest is not None else last
                service.revise(revision, reference - revision.after.slot <= DETECTED_S)
            for cells in evidence.cells:
                service.settle(cells, evidence.sources, self._silence.hosts(cells.slot))
            if evidence.open_slots:
                service.look(evidence.open_slots, evidence.sources)
        for cells in evidence.cells:
            # What reports said came since the step before: it is taken once, with the newest slot.
            latest = cells is evidence.cells[-1]
            self._beside(cells, evidence.timings if latest else NO_TIMINGS, series)
        if not (evidence.cells or evidence.revisions or evidence.open_slots):
            return []  # nothing is known that was not known before
        findings = self._findings(evidence, presence, now)
        self._alerts, transitions = machine.step(
            self._alerts, findings, self._policies, now, evidence.claims
        )
        transitions = [self._with_last_slot(self._with_proof(each, now)) for each in transitions]
        for change, _, alert, _ in transitions:
            if change is Change.CLOSED and alert.alert_class is AlertClass.LOSS:
                self._closed[alert.service, alert.handle] = alert
        while len(self._closed) > MOST_CLOSED:
            del self._closed[next(iter(self._closed))]
        self._amend()
        return transitions

    def acknowledge(self, number: int, by: str, now: float) -> list[Transition]:
        """Somebody works on an open alert. Raises KeyError for one that is not open."""
        self._alerts, transitions = machine.acknowledge(self._alerts, number, by, now)
        return transitions

    def answer(self, number: int, actionable: bool) -> None:
        """What people said of a closed alert, so that correcting its counts does not forget it."""
        for key, alert in self._closed.items():
            if alert.number == number:
                self._closed[key] = alert._replace(actionable=actionable)

    def _with_proof(self, transition: Transition, now: float) -> Transition:
        """How far these counts are to be believed: when control agents last proved them right."""
        view = self.control.view
        if view is None:
            return transition
        told = view.text
        if view.state is Proof.OK and view.last_proof_slot is not None:
            told = f"ok {max(0, int(now) - view.last_proof_slot)} s ago"
        why = transition.explanation
        return transition._replace(explanation=why._replace(facts=(*why.facts, (SELF_CHECK, told))))

    def _with_last_slot(self, transition: Transition) -> Transition:
        """The slot that ended a loss counts, too, and no finding told it, nor what ended it."""
        alert = transition.alert
        if transition.change is not Change.CLOSED or alert.alert_class is not AlertClass.LOSS:
            return transition
        service = self.services.get(alert.service)
        cause = None if service is None else service.ended_cause(alert.handle)
        if cause is None:
            return transition
        alert = alert._replace(total=cause.total, effect=cause.effect)
        if cause.withdrawn:
            notes = (alert.note, over_because(cause.withdrawn))
            alert = alert._replace(note="; ".join(filter(None, notes)))
        return transition._replace(alert=alert)

    def _amend(self) -> None:
        """Late evidence has corrected the counts of alerts that are closed, and with them their effect:
        what was lost was replayed, and came late."""
        for name, service in self.services.items():
            for handle in service.corrected:
                alert, cause = self._closed.get((name, handle)), service.ended_cause(handle)
                if alert is not None and cause is not None:
                    alert = alert._replace(total=cause.total, effect=cause.effect)
                    self._closed[name, handle] = alert
                    self._amended.append(alert)
            service.corrected.clear()

    def _beside(self, cells: SlotCells, timings: Timings, series: AllSeries) -> None:
        """What concerns no single service's counts."""
        lossy = [name for name, service in self.services.items() if service.loss.causes]
        self.control.settle(cells, loss_open=bool(lossy))
        self.slowness.settle(cells.slot, timings, series, lossy)

    def kept(self, slot: int) -> Kept:
        """What the store shall have of this judge, changed since it was last asked."""
        learned: list[tuple[str, str]] = []
        if slot - self._kept >= KEPT_EVERY_S or slot < self._kept:
            self._kept = slot
            for name, service in self.services.items():
                body = service.learner.learned.to_dict()
                learned.append((f"{NOISE}/{name}", json.dumps(body)))
            learned.append((STEP_TIMES, json.dumps(self.slowness.learned())))
        for name, service in self.services.items():
            cost = costs.write(service.costs())
            if cost != self._costs[name]:
                self._costs[name] = cost
                learned.append((f"{COSTS}/{name}", cost))
            out = service.withdrawn.drain()
            if out is not None:
                learned.append((f"{WITHDRAWN}/{name}", out))
        minutes = [
            (name, minute, sums)
            for name, service in self.services.items()
            for minute, sums in service.slo.drain()
        ]
        amended, self._amended = self._amended, []
        if slot - self._kept_open >= OPEN_EVERY_S or slot < self._kept_open:
            self._kept_open = slot
            amended += [alert for alert in self.open if alert.alert_class is AlertClass.LOSS]
        return Kept(minutes, learned, amended)

    def _findings(self, evidence: Evidence, presence: Sequence[Presence], now: float) -> list[Finding]:
        findings = [each for service in self.services.values() for each in service.findings()]
        blinded = {name for name, service in self.services.items() if service.blind.half}
        findings += self._missing.findings(presence, blinded, now)
        findings += clashes.findings(evidence.asides)
        findings += self.slowness.findings()
        findings += self.control.findings()
        findings += evidence.watched
        return findings


def _read(text: str | None) -> object:
    """JSON that an earlier run left; None for what is none."""
    try:
        return json.loads(text) if text else None
    except ValueError:
        return None
