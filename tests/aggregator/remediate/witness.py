"""Watches what aggregators say of one service, and knows nothing but the rules.

It sees true time, which no aggregator does. A node *may be out* while anything that was said in the
last `lease_s` seconds had it out: somebody may not have heard what came after.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence

from coalmine_aggregator.model.node_view import NodeView, Opinion, Verdict
from coalmine_aggregator.model.pin import PinState
from coalmine_aggregator.model.remediation_event import RemediationEvent, RemediationKind
from coalmine_aggregator.model.remediation_policy import RemediationPolicy
from coalmine_aggregator.model.withdrawal import Mode, Wanted
from coalmine_aggregator.remediate.decisions import ServiceTurn
from coalmine_aggregator.remediate.turn import Controls, Situation


def most(share: float, number: int, nodes: int) -> int:
    """How many of so many may be out, as the rules have it."""
    return max(1, min(math.floor(share * nodes + 1e-9), number))


class Witness:
    """`withdrawn` counts what it has seen, so that a test can tell that anything happened."""

    def __init__(self, policy: RemediationPolicy) -> None:
        self.policy = policy
        self.withdrawn = 0
        self._said: list[tuple[float, frozenset[str]]] = []
        self._withdrawals: list[float] = []
        self._zones: dict[str, str] = {}

    def may_be_out(self, now: float) -> set[str]:
        """By anything that still holds."""
        self._said = [each for each in self._said if now - each[0] < self.policy.lease_s]
        return {node for _, nodes in self._said for node in nodes}

    def sees(self, now: float, situation: Situation, controls: Controls, turn: ServiceTurn) -> None:
        """One turn at a true time; raises AssertionError where it breaks a rule."""
        wanted = turn.wanted
        views = {each.node: each for each in situation.nodes or ()}
        self._zones |= {name: each.zone for name, each in views.items()}
        gone = [each for each in turn.events if each.kind is RemediationKind.WITHDRAWN]
        if not views:
            assert wanted is None, "there is news of a service whose nodes nobody knows"
            assert not gone
            return
        assert wanted is not None
        assert set(wanted.nodes) == set(views)
        assert len(set(wanted.nodes)) == len(wanted.nodes)
        self._modes(wanted, controls, gone)
        pinned_out = {each.node for each in controls.pins if each.state is PinState.OUT}
        pinned_in = {each.node for each in controls.pins if each.state is PinState.IN}
        out = {each.node for each in wanted.out}
        assert out <= set(views)
        if wanted.mode is Mode.ACTING:
            assert not out & pinned_in
            self._caps(out, pinned_out, views)
        before = self.may_be_out(now)
        assert set(wanted.serving) == set(views) - {each.node for each in wanted.effective}
        by_itself = [each for each in gone if each.node not in pinned_out]
        for event in by_itself:
            self._reasons(event, views[event.node], situation)
            assert 0 < len(event.evidence) <= 12
        if wanted.mode is not Mode.ACTING:
            return
        effective = {each.node for each in wanted.effective}
        after = before | effective
        fresh = {each.node for each in gone}
        assert effective - before <= fresh, "out again after its lease had ended, with no decision"
        if by_itself:
            assert self._crowd(views, pinned_out) <= self._most(len(views)), "withdrawn in a crowd"
            self._room(after, {each.node for each in by_itself}, views)
        if fresh:
            left = set(views) - after
            assert len(left) >= self.policy.floor, f"{len(left)} left"
        self._speed(now, len(by_itself), len(gone))
        self._said.append((now, frozenset(effective)))

    def _most(self, nodes: int) -> int:
        return most(self.policy.max_fraction, self.policy.max_nodes, nodes)

    @staticmethod
    def _modes(wanted: Wanted, controls: Controls, gone: Sequence[RemediationEvent]) -> None:
        if controls.stopped_by:
            assert wanted.mode is Mode.STOPPED
            assert not wanted.out
        elif not controls.holder:
            assert wanted.mode is Mode.STANDBY
        if wanted.mode in (Mode.STOPPED, Mode.STANDBY):
            assert not gone
            assert not wanted.effective

    def _caps(
        self, out: Collection[str], pinned_out: Collection[str], views: Mapping[str, NodeView]
    ) -> None:
        """At most so many of service and zone, but for those that people have pinned out. The floor
        holds for everybody."""
        decided = set(out) - set(pinned_out)
        assert len(decided) <= self._most(len(views)), f"{sorted(out)} of {len(views)} out"
        sizes = Counter(each.zone for each in views.values())
        for zone, count in Counter(self._zones[node] for node in decided).items():
            assert count <= self._most(sizes[zone]), f"{count} of zone {zone} out"
        inside = set(out) & set(views)
        assert not inside or len(views) - len(inside) >= self.policy.floor, "the floor is broken"

    def _room(
        self, after: Collection[str], fresh: Collection[str], views: Mapping[str, NodeView]
    ) -> None:
        """Who goes by our decision finds room, all counted that may be out by then, pinned or not."""
        assert len(after) <= self._most(len(views)), f"{sorted(after)} of {len(views)} may be out"
        sizes = Counter(each.zone for each in views.values())
        there = Counter(self._zones[node] for node in after)
        for zone in {self._zones[node] for node in fresh}:
            assert there[zone] <= self._most(sizes[zone]), f"{there[zone]} of zone {zone} may be out"

    def _speed(self, now: float, by_itself: int, all_of_them: int) -> None:
        self._withdrawals = [at for at in self._withdrawals if now - at < 60.0]
        if by_itself:
            assert len(self._withdrawals) + by_itself <= self.policy.per_minute, "too many a minute"
        self._withdrawals += [now] * all_of_them
        self.withdrawn += all_of_them

    @staticmethod
    def _crowd(views: Mapping[str, NodeView], pinned_out: Collection[str]) -> int:
        return sum(
            each.verdict is Verdict.FAILED and node not in pinned_out for node, each in views.items()
        )

    def _reasons(self, event: RemediationEvent, node: NodeView, situation: Situation) -> None:
        """A quorum holds it failed, by fresh evidence; a loss names it, and none is wider."""
        assert node.verdict is Verdict.FAILED
        assert situation.slot is not None
        bad = {
            sight.host
            for sight in node.sights
            if sight.opinion is Opinion.BAD
            and sight.slot is not None
            and situation.slot - sight.slot <= self.policy.stale_s
        }
        assert len(bad) >= self.policy.quorum
        own = [sight.opinion for sight in node.sights if sight.own]
        assert not {Opinion.GOOD, Opinion.DOUBTFUL} & set(own)
        scopes = [[each.scope, *each.equivalents] for each in situation.losses]
        assert any(("node", event.node) in scope for found in scopes for scope in found)
        for found in scopes:
            assert any(label == "node" for scope in found for label, _ in scope)
