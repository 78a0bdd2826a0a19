"""The nodes of one service from second to second, as decisions are told of them."""

from __future__ import annotations

from collections.abc import Sequence

from coalmine_aggregator.model.alerts import AlertClass, Severity
from coalmine_aggregator.model.counts import Counts
from coalmine_aggregator.model.findings import Finding
from coalmine_aggregator.model.node_view import NodeView, Opinion, Sight, Verdict
from coalmine_aggregator.model.pin import Pin, PinState
from coalmine_aggregator.model.remediation_event import RemediationEvent, RemediationKind
from coalmine_aggregator.model.remediation_policy import RemediationPolicy
from coalmine_aggregator.model.scopes import Scope
from coalmine_aggregator.model.withdrawal import Phase
from coalmine_aggregator.remediate.decisions import ServiceTurn, decide
from coalmine_aggregator.remediate.memory import Memory, decode, encode
from coalmine_aggregator.remediate.turn import Balanced, Controls, Situation

START = 2_000_000_000
LAG_S = 3
"""A slot has settled so long after it began."""

ACTS = RemediationPolicy(dry_run=False)

_OPINION = {
    Verdict.HEALTHY: Opinion.GOOD,
    Verdict.RECOVERING: Opinion.GOOD,
    Verdict.SUSPECT: Opinion.DOUBTFUL,
    Verdict.FAILED: Opinion.BAD,
    Verdict.UNKNOWN: Opinion.NONE,
}


def sight(host: str, opinion: Opinion, slot: int | None, *, own: bool = False) -> Sight:
    bad = 9 if opinion is Opinion.BAD else 0
    return Sight(host, own, opinion, 9, bad, 3, ("udp",) if bad else (), slot)


def view(
    node: str,
    verdict: Verdict = Verdict.HEALTHY,
    *,
    slot: int | None = START,
    since: int = START,
    good_since: int | None = None,
    zone: str = "a",
    sights: Sequence[Sight] | None = None,
) -> NodeView:
    if sights is None:
        opinion = _OPINION[verdict]
        sights = [sight(node, opinion, slot, own=True), sight("probe", opinion, slot)]
    return NodeView(
        "ingest", node, "dc1", zone, verdict, since, good_since, tuple(sights), f"it is {verdict}"
    )


def loss(scope: Scope, *, share: float = 1.0, since: int = START, handle: str = "1") -> Finding:
    bad = round(100 * share)
    counts = Counts(100 - bad, (100 - bad, 0, 0, bad, 0, 0, 0))
    return Finding(
        AlertClass.LOSS, "ingest", handle, Severity.PAGE, scope, since, counts=counts, total=counts
    )


def pin(node: str, state: PinState, by: str = "anna") -> Pin:
    return Pin("ingest", node, state, by, "so", float(START))


class PoolStory:
    """One aggregator and the nodes that it decides on. `now` is its clock; `fail`, `heal` and the like
    change what is held of nodes from the next second on. While `losses` is None, every node that is
    failed and not out has an open loss of its own."""

    def __init__(
        self,
        names: Sequence[str],
        policy: RemediationPolicy = ACTS,
        *,
        memory: str = "",
        now: float = START,
        settled: bool = True,
    ) -> None:
        self.policy = policy
        self.now = now
        self.zones = dict.fromkeys(names, "a")
        self.verdicts = dict.fromkeys(names, Verdict.HEALTHY)
        self.since = dict.fromkeys(names, int(now))
        self.good_since: dict[str, int | None] = dict.fromkeys(names, int(now) - 1_000)
        self.memory: Memory = decode(memory)
        self.controls = Controls()
        self.losses: list[Finding] | None = None
        self.balanced = Balanced(10, 0)
        self.known = True
        self.slots_settle = True
        self.slot: int | None = None
        self.events: list[RemediationEvent] = []
        self.turn = ServiceTurn(None, (), ())
        if settled:
            self.run(int(policy.lease_s) + 2)

    def become(self, verdict: Verdict, *names: str) -> None:
        for name in names:
            if self.verdicts[name] is not verdict:
                self.verdicts[name] = verdict
                self.since[name] = int(self.now) - LAG_S
            good = verdict in (Verdict.HEALTHY, Verdict.RECOVERING)
            if not good:
                self.good_since[name] = None
            elif self.good_since[name] is None:
                self.good_since[name] = int(self.now) - LAG_S

    def fail(self, *names: str) -> None:
        self.become(Verdict.FAILED, *names)

    def heal(self, *names: str) -> None:
        self.become(Verdict.HEALTHY, *names)

    def add(self, *names: str, zone: str = "a") -> None:
        for name in names:
            self.zones[name], self.verdicts[name] = zone, Verdict.HEALTHY
            self.since[name] = int(self.now)
            self.good_since[name] = int(self.now)

    def remove(self, *names: str) -> None:
        for name in names:
            for of in (self.zones, self.verdicts, self.since, self.good_since):
                of.pop(name)

    @property
    def out(self) -> list[str]:
        """Who is out, by the newest turn."""
        wanted = self.turn.wanted
        return [] if wanted is None else [each.node for each in wanted.out]

    @property
    def phases(self) -> list[Phase]:
        """How they are out."""
        wanted = self.turn.wanted
        return [] if wanted is None else [each.phase for each in wanted.out]

    @property
    def rails(self) -> dict[str, str]:
        """Which rail holds whom, by the newest turn."""
        wanted = self.turn.wanted
        return {} if wanted is None else {each.node: each.rail for each in wanted.held}

    def told(self, *kinds: RemediationKind) -> list[tuple[str, str]]:
        """Nodes and rails of the events of these kinds so far."""
        return [(each.node, each.rail) for each in self.events if each.kind in kinds]

    def situation(self) -> Situation:
        if self.slots_settle:
            self.slot = int(self.now) - LAG_S
        views = [
            view(
                name,
                verdict,
                slot=self.slot,
                since=self.since[name],
                good_since=self.good_since[name],
                zone=self.zones[name],
            )
            for name, verdict in sorted(self.verdicts.items())
        ]
        losses = self.losses
        if losses is None:
            losses = [
                loss((("node", name),), handle=name, since=self.since[name])
                for name, verdict in sorted(self.verdicts.items())
                if verdict is Verdict.FAILED and (self.policy.dry_run or name not in self.memory.out)
            ]
        nodes = views if self.known else None
        return Situation("ingest", self.now, self.slot, nodes, losses, self.balanced)

    def run(self, seconds: int = 1, step: float = 1.0) -> None:
        """Turns, one for each step."""
        for _ in range(seconds):
            self.now += step
            self.memory, self.turn = decide(
                self.memory, self.situation(), self.controls, self.policy, 0.001
            )
            self.events += self.turn.events

    def restart(self, after_s: float = 1.0) -> None:
        """The aggregator ends and begins again."""
        self.memory = decode(encode(self.memory))
        self.now += after_s

    def names(self, count: int) -> list[str]:
        return sorted(self.verdicts)[:count]


def pool(count: int, policy: RemediationPolicy = ACTS) -> PoolStory:
    """A service that has settled in, of nodes `n00`, `n01`, ..."""
    return PoolStory([f"n{each:02}" for each in range(count)], policy)
