"""All services that opted in: from settled slots to what is wanted of their nodes. Pure.

A fault in one service ends nothing but its news: for `REST_S` seconds nothing is said of it, so that
whatever was withdrawn ends with its lease, people are told, and its nodes are then looked at anew.
"""

from __future__ import annotations

import traceback
from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from coalmine_aggregator.ledger.series import AllSeries
from coalmine_aggregator.model.alerts import AlertClass, Severity
from coalmine_aggregator.model.events import Event
from coalmine_aggregator.model.findings import Finding
from coalmine_aggregator.model.node_view import NodeView
from coalmine_aggregator.model.policy import ServicePolicy
from coalmine_aggregator.model.remediation_event import RemediationEvent
from coalmine_aggregator.model.remediation_policy import RemediationPolicy
from coalmine_aggregator.model.scopes import Scope
from coalmine_aggregator.model.slot_cells import Revision, SlotCells
from coalmine_aggregator.model.withdrawal import Wanted
from coalmine_aggregator.remediate.decisions import ServiceTurn, decide
from coalmine_aggregator.remediate.memory import adopt, decode, encode
from coalmine_aggregator.remediate.node_watch import NodeWatch
from coalmine_aggregator.remediate.turn import NO_TURN, Controls, Situation, Turn
from coalmine_aggregator.remediate.wider import unrelated

REMEDIATION = "remediation"
"""Name of what is kept of each service: who is out, on hold, and was out before."""

REST_S = 10.0

_MOST_TRACE = 2_000  # characters


class Settled(NamedTuple):
    """What became known: slots that settled, ascending, and revisions of earlier ones."""

    cells: Sequence[SlotCells]
    revisions: Sequence[Revision] = ()


class Watched(NamedTuple):
    """How the nodes of a service look to those who decide. `views` are of the last turn, empty where
    nobody knows the nodes; `verifying` says since when a withdrawal must show that it helps, by node.
    """

    views: Sequence[NodeView]
    verifying: Mapping[str, float]


class Judged(Protocol):
    """What is known of a service beside its nodes."""

    @property
    def policy(self) -> ServicePolicy:
        """Its own rules."""

    def losses(self) -> Sequence[Finding]:
        """Its open losses."""

    def series_in(self, scope: Scope) -> NDArray[np.int32]:
        """The ids of the series in a scope, also of those that are no longer expected."""


class _Service:
    """One service that opted in."""

    def __init__(self, judged: Judged, policy: RemediationPolicy, kept: str) -> None:
        self.name, self.policy = judged.policy.name, policy
        self._judged = judged
        self._memory = decode(kept)
        self._written = encode(self._memory)
        self._watch = self._anew()
        self._slot: int | None = None
        self._views: Sequence[NodeView] = ()
        self._rests_until = float("-inf")
        self._faults = 0
        self._told_with_loss = False  # of the freeze that lasts
        self.trouble: Finding | None = None

    def _anew(self) -> NodeWatch:
        return NodeWatch(self.name, self._judged.policy.acceptable_loss, self.policy)

    def step(self, settled: Settled, series: AllSeries, controls: Controls, now: float) -> ServiceTurn:
        watch = self._watch
        watch.learn(series)
        for revision in settled.revisions:
            watch.revise(revision)
        for cells in settled.cells:
            watch.settle(cells)
            self._slot = cells.slot
        slot, losses = self._slot, self._judged.losses()
        views = None if slot is None else watch.views(slot)
        self._views = views or ()
        scopes = {each.handle: self._judged.series_in(each.scope) for each in losses}
        # Of a scope in which nobody knows any series, nobody knows what it holds.
        apart = frozenset(handle for handle, ids in scopes.items() if ids.size and not watch.leads(ids))
        beside = [scopes[each.handle] for each in unrelated(losses, apart, self._views, slot or 0)]
        balanced = watch.balanced(np.concatenate(beside) if beside else None)
        situation = Situation(self.name, now, slot, views, losses, balanced, apart)
        accepted = self._judged.policy.acceptable_loss
        self._memory, turn = decide(self._memory, situation, controls, self.policy, accepted)
        paged = any(not each.quiet for each in losses)
        return turn._replace(findings=self._once(turn.findings, paged))

    def _once(self, findings: Sequence[Finding], paged: bool) -> list[Finding]:
        """A freeze that was told with the page of a loss pages nobody when that loss is over first."""
        freezes = any(each.alert_class is AlertClass.REMEDIATION_FREEZE for each in findings)
        self._told_with_loss = freezes and (paged or self._told_with_loss)
        return [
            each._replace(quiet=self._told_with_loss)
            if each.alert_class is AlertClass.REMEDIATION_FREEZE
            else each
            for each in findings
        ]

    def rests(self, now: float) -> bool:
        """Whether nothing is said of it for a while."""
        return self._rests_until - REST_S <= now < self._rests_until

    def failed(self, error: Exception, now: float) -> Event | None:
        """It did not come to a decision; what the log shall have of that."""
        self._faults += 1
        self._rests_until = now + REST_S
        self._watch, self._views = self._anew(), ()
        what = f"{type(error).__name__}: {error}"[:200]
        since = int(now) if self.trouble is None else self.trouble.since
        self.trouble = Finding(
            AlertClass.REMEDIATION_OUTPUT,
            self.name,
            "decisions",
            Severity.TICKET,
            (),
            since,
            note=f"remediation cannot decide and says nothing: whoever is out comes back ({what})",
        )
        # What happens again and again would fill a log: say it at powers of two.
        if self._faults & (self._faults - 1):
            return None
        trace = "".join(traceback.format_exception(error))[-_MOST_TRACE:]
        fields: dict[str, str | int | float] = {"service": self.name, "faults": self._faults}
        return Event("remediation.fault", fields | {"error": what, "trace": trace})

    def watched(self) -> Watched:
        """What is seen, and waited for."""
        return Watched(self._views, {node: check.since for node, check in self._memory.checks.items()})

    def remembered(self) -> str:
        """JSON."""
        return encode(self._memory)

    def adopt(self, theirs: str) -> None:
        """What the holder of the lease remembers; what cannot be read is nothing."""
        memory = decode(theirs)
        if not memory.run.trouble:
            self._memory = adopt(self._memory, memory)

    def drain(self) -> str | None:
        """The same; None if nothing changed since the last call."""
        text = self.remembered()
        if text == self._written:
            return None
        self._written = text
        return text


class Remediator:
    """Decides once a second what is wanted."""

    def __init__(
        self,
        policies: Mapping[str, RemediationPolicy],
        services: Mapping[str, Judged],
        learned: Mapping[str, str],
    ) -> None:
        """`policies` are those of the services that opted in, which are among `services`; `learned` is
        what `kept` gave to an earlier run, by name."""
        self._services = [
            _Service(services[name], policy, learned.get(f"{REMEDIATION}/{name}", ""))
            for name, policy in policies.items()
        ]
        self._events: list[Event] = []

    def step(self, settled: Settled, series: AllSeries, controls: Controls, now: float) -> Turn:
        """Takes in what settled, and decides. Raises nothing."""
        wanted: dict[str, Wanted] = {}
        events: list[RemediationEvent] = []
        findings: list[Finding] = []
        for service in self._services:
            if not service.rests(now):
                try:
                    turn = service.step(settled, series, controls, now)
                except Exception as error:
                    event = service.failed(error, now)
                    self._events += [] if event is None else [event]
                else:
                    service.trouble = None
                    if turn.wanted is not None:
                        wanted[service.name] = turn.wanted
                    events += turn.events
                    findings += turn.findings
            if service.trouble is not None:
                findings.append(service.trouble)
        return Turn(wanted, events, findings) if wanted or events or findings else NO_TURN

    def watched(self) -> dict[str, Watched]:
        """How the nodes look, by service."""
        return {service.name: service.watched() for service in self._services}

    def remembered(self) -> dict[str, str]:
        """What the other aggregator of a pair shall go on from when it takes over: JSON by service."""
        return {service.name: service.remembered() for service in self._services}

    def adopt(self, theirs: Mapping[str, str]) -> None:
        """What the other aggregator said of `remembered`; taken over while this one stands by."""
        for service in self._services:
            if service.name in theirs:
                service.adopt(theirs[service.name])

    def drain(self) -> list[Event]:
        """What the log is told."""
        events, self._events = self._events, []
        return events

    def kept(self) -> list[tuple[str, str]]:
        """(name, JSON) of what changed since the last call."""
        texts = ((service.name, service.drain()) for service in self._services)
        return [(f"{REMEDIATION}/{name}", text) for name, text in texts if text is not None]
