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
from coalmine_aggregator.judge import clashes
from coalmine_aggregator.judge.clashes import Aside
from coalmine_aggregator.judge.fault import Sources
from coalmine_aggregator.judge.missing import MissingWatch
from coalmine_aggregator.judge.service import ServiceJudge, ServicePast
from coalmine_aggregator.ledger.series import AllSeries
from coalmine_aggregator.model.alerts import Alert, AlertClass, Transition
from coalmine_aggregator.model.findings import Finding
from coalmine_aggregator.model.policy import DetectionPolicy, ServicePolicy
from coalmine_aggregator.model.presence import Presence
from coalmine_aggregator.model.slot_cells import OpenSlot, Revision, SlotCells

DETECTED_S = 60
"""Revisions of older slots change history and never page."""


class Evidence(NamedTuple):
    """What became known since the last step.

    `presence` gives every agent that is expected to report, and is asked only while one is missing;
    `asides` are the agents that were set aside.
    """

    cells: Sequence[SlotCells] = ()
    revisions: Sequence[Revision] = ()
    open_slots: Sequence[OpenSlot] = ()
    presence: Callable[[], Sequence[Presence]] | None = None
    asides: Sequence[Aside] = ()
    sources: Sources = Sources()


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
        learned: Mapping[str, str] | None = None,
        minutes: Mapping[str, NDArray[np.int64]] | None = None,
    ) -> None:
        """`began` is the first slot of this run; what an earlier run left comes with it."""
        self.policies = policies
        self.detection = detection
        learned, minutes = learned or {}, minutes or {}
        share = detection.false_pages_per_year / max(len(policies), 1)
        self.services = {
            name: ServiceJudge(
                policy,
                began,
                share,
                ServicePast(
                    [alert for alert in open_alerts if alert.service == name],
                    minutes.get(name),
                    Learned.from_dict(_read(learned.get(f"noise/{name}"))),
                ),
            )
            for name, policy in policies.items()
        }
        self._missing = MissingWatch()
        self._alerts = machine.State(
            fleet, next_number, tuple(open_alerts), float(began) if open_alerts else 0.0
        )
        self.amended: list[Alert] = []

    @property
    def open(self) -> tuple[Alert, ...]:
        """The open alerts, the oldest first."""
        return self._alerts.open

    def pause(self, slot: int) -> None:
        """Time jumped, or nobody looked for a while: what needs a steady view waits."""
        for service in self.services.values():
            service.blind.pause(slot)

    def step(self, evidence: Evidence, series: AllSeries, now: float) -> list[Transition]:
        """Takes in the evidence."""
        newest = evidence.cells[-1].slot if evidence.cells else None
        for service in self.services.values():
            if evidence.cells or evidence.open_slots or evidence.revisions:
                service.learn(series)
            for revision in evidence.revisions:
                reference = newest if newest is not None else service.loss.history.last
                service.revise(revision, reference - revision.after.slot <= DETECTED_S)
            for cells in evidence.cells:
                service.settle(cells, evidence.sources)
            if evidence.open_slots:
                service.look(evidence.open_slots, evidence.sources)
        if not (evidence.cells or evidence.revisions or evidence.open_slots):
            return []  # nothing is known that was not known before
        findings = self._findings(evidence, now)
        self._alerts, transitions = machine.step(self._alerts, findings, self.policies, now)
        return transitions

    def _findings(self, evidence: Evidence, now: float) -> list[Finding]:
        findings = [each for service in self.services.values() for each in service.findings()]
        blinded = {each.service: each for each in findings if each.alert_class is AlertClass.BLIND}
        presence = evidence.presence() if evidence.presence is not None else ()
        findings += self._missing.findings(presence, blinded, now)
        findings += clashes.findings(evidence.asides)
        return findings


def _read(text: str | None) -> object:
    """JSON that an earlier run left; None for what is none."""
    try:
        return json.loads(text) if text else None
    except ValueError:
        return None
