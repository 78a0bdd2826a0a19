"""Remediation before a fleet that never was: four nodes of one service, and what people say of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from coalmine_aggregator.actuate.output import Standing
from coalmine_aggregator.actuate.stop_file import NotWrittenError, Stop
from coalmine_aggregator.model.node_view import NodeView, Opinion, Sight, Verdict
from coalmine_aggregator.model.pin import Pin, PinChange, PinState
from coalmine_aggregator.model.remediation_event import RemediationEvent, RemediationKind
from coalmine_aggregator.model.remediation_log import LoggedEvent
from coalmine_aggregator.model.remediation_policy import RemediationPolicy
from coalmine_aggregator.model.withdrawal import Mode, Phase, Wanted, Withdrawal
from coalmine_aggregator.remediate.pins import Pins
from coalmine_aggregator.remediate.remediator import Watched
from coalmine_aggregator.web.duty import NotKeptError

NODES = ("ingest01", "ingest02", "ingest03", "ingest04")
WHY = "failed for 4 s: web-3 and its own agent agree, 12 of 18 lost in 3 s"


@dataclass
class FakeRemediation:
    """A `RemediationDesk` in memory. `writes` says whether its store does, `broken` whether the stop
    file can neither be written nor removed, `elsewhere` whether the other aggregator stopped it."""

    now: float
    rules: dict[str, RemediationPolicy] = field(
        default_factory=lambda: {"ingest": RemediationPolicy(dry_run=False)}
    )
    peer: str = ""
    holds: bool = True
    stopped: Stop | None = None
    unwritten: str = ""
    frozen: str = ""
    out: tuple[Withdrawal, ...] = ()
    nodes: Mapping[str, tuple[NodeView, ...]] = field(default_factory=dict)
    wanted: dict[str, Wanted] = field(default_factory=dict)
    outputs: list[Standing] = field(default_factory=list)
    checks: dict[str, float] = field(default_factory=dict)
    events: list[LoggedEvent] = field(default_factory=list)
    writes: bool = True
    broken: bool = False
    elsewhere: bool = False

    def __post_init__(self) -> None:
        self._pins = Pins()
        self.nodes = {"ingest": tuple(view(node, self.now) for node in NODES)}
        self.decide()

    def decide(self, service: str = "ingest", **changes: object) -> None:
        """What is wanted; `changes` are of its fields."""
        dry = self.rules[service].dry_run
        mode = Mode.DRY_RUN if dry else Mode.ACTING if self.holds else Mode.STANDBY
        names = tuple(each.node for each in self.nodes[service])
        word = Wanted(service, self.now, 20.0, mode, names)
        self.wanted[service] = word._replace(**changes)  # type: ignore[arg-type]

    def withdraw(self, node: str = "ingest02", **changes: object) -> Withdrawal:
        """One node is out, for a minute now, and two places know."""
        out = Withdrawal(
            "ingest", node, "eu-west-1a", self.now - 60, Phase.DOWN, self.now + 60, 1, WHY
        )._replace(**changes)  # type: ignore[arg-type]
        nodes = self.nodes["ingest"]
        bad = (
            Sight(node, True, Opinion.BAD, 18, 12, 3, ("udp",), int(self.now)),
            Sight("web-3", False, Opinion.BAD, 30, 20, 3, ("udp", "tcp"), int(self.now)),
            Sight("web-4", False, Opinion.NONE, 0, 0, 3),
        )
        failed = view(node, self.now)._replace(
            verdict=Verdict.FAILED, since=int(self.now) - 64, good_since=None, sights=bad, text=WHY
        )
        self.nodes = {
            **self.nodes,
            "ingest": tuple(failed if each.node == node else each for each in nodes),
        }
        self.decide(out=(out,))
        self.outputs = [
            Standing("nodes", {"ingest": (node,)}, self.now - 1, ""),
            Standing("etcd", None, None, "127.0.0.1:2379: Connection refused"),
        ]
        self.say(
            RemediationKind.WITHDRAWN,
            node=node,
            text=WHY,
            evidence=(f"{node} (own): bad", "web-3: bad"),
            dry_run=self.rules["ingest"].dry_run,
        )
        return out

    def say(self, kind: RemediationKind, **fields: object) -> None:
        """A line of the log."""
        event = RemediationEvent(kind, self.now, "ingest")._replace(**fields)  # type: ignore[arg-type]
        self.events.append(LoggedEvent(len(self.events) + 1, event))

    @property
    def pins(self) -> Sequence[Pin]:
        return self._pins.standing

    def watched(self) -> Mapping[str, Watched]:
        return {name: Watched(views, self.checks) for name, views in self.nodes.items()}

    def standings(self) -> Sequence[Standing]:
        return self.outputs

    async def log(self, *, before: int, limit: int, service: str, node: str) -> list[LoggedEvent]:
        found = [
            each
            for each in reversed(self.events)
            if each.number < before
            and service in ("", each.event.service)
            and node in ("", each.event.node)
        ]
        return found[:limit]

    async def stop(self, by: str, why: str, now: float) -> None:
        self.stopped = Stop(by, why, now)
        for service in self.rules:
            self.decide(service, mode=Mode.STOPPED)
        if self.broken:
            self.unwritten = "/srv/remediation.stop: Read-only file system"
            raise NotWrittenError(self.unwritten)
        self._done(RemediationKind.STOPPED, text=why, by=by, service="")

    async def resume(self, by: str, now: float) -> None:
        if self.elsewhere:
            raise ValueError("it was stopped by anna at aggregator b: resume it there")
        if self.broken:
            raise OSError(30, "Read-only file system")
        self.stopped, self.unwritten = None, ""
        for service in self.rules:
            self.decide(service)
        self._done(RemediationKind.RESUMED, by=by, service="")

    async def pin(
        self, service: str, node: str, state: PinState, by: str, why: str, now: float
    ) -> None:
        self._pins.say(PinChange(service, node, state, by, why, now))
        self._done(RemediationKind.PINNED, node=node, by=by, text=f"pinned {state}: {why}")

    async def release(self, service: str, node: str, by: str, now: float) -> None:
        if self._pins.find(service, node) is None:
            raise KeyError(node)
        self._pins.say(PinChange(service, node, None, by, "", now))
        self._done(RemediationKind.RELEASED, node=node, by=by)

    def _done(self, kind: RemediationKind, **fields: object) -> None:
        self.say(kind, **fields)
        if not self.writes:
            raise NotKeptError


def view(node: str, now: float) -> NodeView:
    """A node that is well, as three see it."""
    sights = (
        Sight(node, True, Opinion.GOOD, 180, 0, 60, (), int(now)),
        Sight("web-3", False, Opinion.GOOD, 300, 0, 60, (), int(now)),
        Sight("web-4", False, Opinion.GOOD, 300, 0, 60, (), int(now)),
    )
    since = int(now) - 3_000
    return NodeView(
        "ingest",
        node,
        "eu-west-1",
        "eu-west-1a",
        Verdict.HEALTHY,
        since,
        since,
        sights,
        "3 vantages, nothing bad",
    )
