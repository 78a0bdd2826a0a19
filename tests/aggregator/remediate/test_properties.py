"""Decisions under any history: verdicts, restarts, stale data, rosters that come and go, clocks that
are set, pins, switches, and two aggregators between whom the lease moves at any time.

The invariants are those of `Witness`: caps, floors and velocity hold for all that may be out by
anybody's word; nobody goes without a reason; and in the end everybody is in.
"""

from __future__ import annotations

from collections import deque
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from coalmine_aggregator.model.findings import Finding
from coalmine_aggregator.model.node_view import NodeView, Opinion, Verdict
from coalmine_aggregator.model.pin import PinState
from coalmine_aggregator.model.remediation_policy import RemediationPolicy
from coalmine_aggregator.remediate import rails
from coalmine_aggregator.remediate.decisions import ServiceTurn, decide
from coalmine_aggregator.remediate.memory import Memory, adopt, decode, encode
from coalmine_aggregator.remediate.turn import Balanced, Controls, Situation
from tests.aggregator.remediate.pool_story import LAG_S, START, loss, pin, sight, view
from tests.aggregator.remediate.witness import Witness

POLICY = RemediationPolicy(
    dry_run=False,
    max_fraction=0.2,
    max_nodes=3,
    stale_s=4.0,
    recovery_s=5.0,
    hold_s=8.0,
    max_hold_s=40.0,
    forget_s=100.0,
    drain_s=3.0,
    lease_s=12.0,
    verify_s=10.0,
)
ZONES = ("a", "b", "c")
NAMES = [f"n{each:02}" for each in range(24)]

_nodes = st.sets(st.sampled_from(NAMES), min_size=1, max_size=3)
_seconds = st.sampled_from([1, 2, 3, 5, 10, 30])


class Aggregator:
    """One of them: its clock is off by `off_s`. `kept` are the memories that its store has had, the
    newest last."""

    def __init__(self) -> None:
        self.off_s = 0.0
        self.memory = Memory()
        self.kept: deque[str] = deque([""], maxlen=4)
        self.turn = ServiceTurn(None, (), ())
        self.down_until = 0.0

    def restart(self, forgets: int) -> None:
        """As it stood a few turns ago."""
        self.memory = decode(self.kept[-1 - min(forgets, len(self.kept) - 1)])


class Fleet(RuleBasedStateMachine):
    """The nodes, as they are, and whoever decides on them."""

    aggregators = 1

    def __init__(self) -> None:
        super().__init__()
        self.now = float(START)
        self.policy = POLICY
        self.witness = Witness(self.policy)
        self.roster = dict.fromkeys(NAMES[:15], Verdict.HEALTHY)
        self.since = dict.fromkeys(NAMES, START)
        self.good_since: dict[str, float | None] = dict.fromkeys(NAMES, START - 1_000.0)
        self.known = True
        self.settles = True
        self.settled_at = self.now
        self.wide = False
        self.told = True
        self.balanced = Balanced(12, 0)
        self.pins: dict[str, PinState] = {}
        self.stopped = False
        self.holder: int | None = 0
        self.broken = False
        self.all = [Aggregator() for _ in range(self.aggregators)]

    @initialize(
        dry_run=st.sampled_from([False] * 9 + [True]),
        per_minute=st.integers(1, 3),
        floor=st.integers(0, 4),
        size=st.integers(0, len(NAMES)),
    )
    def begin(self, dry_run: bool, per_minute: int, floor: int, size: int) -> None:
        self.policy = POLICY._replace(dry_run=dry_run, per_minute=per_minute, floor=floor)
        self.witness = Witness(self.policy)
        self.roster = dict.fromkeys(NAMES[:size], Verdict.HEALTHY)
        self.tick(20)

    # What becomes of nodes.

    def _become(self, verdict: Verdict, names: set[str]) -> None:
        for name in names & self.roster.keys():
            if self.roster[name] is not verdict:
                self.roster[name], self.since[name] = verdict, int(self.now)
            if verdict not in (Verdict.HEALTHY, Verdict.RECOVERING):
                self.good_since[name] = None
            elif self.good_since[name] is None:
                self.good_since[name] = self.now

    @rule(names=_nodes, seconds=_seconds)
    def fail(self, names: set[str], seconds: int) -> None:
        self._become(Verdict.FAILED, names)
        self.tick(seconds)

    @rule(
        names=st.lists(st.sampled_from(NAMES), min_size=1, max_size=2), calm_s=st.sampled_from([0, 70])
    )
    def fail_alone(self, names: list[str], calm_s: int) -> None:
        """When all has been well for a while; and another one soon after."""
        self._become(Verdict.HEALTHY, set(NAMES))
        self.tick(calm_s)
        for name in names:
            self._become(Verdict.FAILED, {name})
            self.tick(2)

    @rule(names=_nodes, verdict=st.sampled_from(Verdict), seconds=_seconds)
    def become(self, names: set[str], verdict: Verdict, seconds: int) -> None:
        self._become(verdict, names)
        self.tick(seconds)

    @rule(seconds=_seconds)
    def heal(self, seconds: int) -> None:
        self._become(Verdict.HEALTHY, set(NAMES))
        self.tick(seconds)

    @rule(names=st.sets(st.sampled_from(NAMES), max_size=8))
    def grow(self, names: set[str]) -> None:
        for name in names - self.roster.keys():
            self.roster[name] = Verdict.HEALTHY
            self.good_since[name] = self.now
        self.tick(1)

    @rule(names=st.sets(st.sampled_from(NAMES), max_size=8), seconds=_seconds)
    def shrink(self, names: set[str], seconds: int) -> None:
        self.roster = {name: each for name, each in self.roster.items() if name not in names}
        self.tick(seconds)

    @rule(size=st.integers(1, 12))
    def shrink_to(self, size: int) -> None:
        """Those that are out stay in the roster, for the most."""
        out = sorted({name for one in self.all for name in one.memory.out})
        kept = [*out, *(name for name in sorted(self.roster) if name not in out)][:size]
        self.roster = {name: self.roster[name] for name in kept if name in self.roster}
        self.tick(2)

    @rule(names=_nodes)
    def another_fails_when_one_comes_back(self, names: set[str]) -> None:
        for one in self.all:
            self.pins |= dict.fromkeys(one.memory.out, PinState.IN)
        self.tick(1)
        self._become(Verdict.HEALTHY, set(NAMES))
        self._become(Verdict.FAILED, set(sorted(names)[:1]))
        self.tick(5)

    @rule(seconds=_seconds, known=st.booleans(), settles=st.booleans())
    def look_away(self, seconds: int, known: bool, settles: bool) -> None:
        self.known, self.settles = known, settles
        self.tick(seconds)
        self.known = self.settles = True

    @rule(seconds=_seconds)
    def lose_widely(self, seconds: int) -> None:
        self.wide = True
        self.tick(seconds)
        self.wide = False

    @rule(seconds=_seconds)
    def lose_unseen(self, seconds: int) -> None:
        """No alert names anybody."""
        self.told = False
        self.tick(seconds)
        self.told = True

    @rule(bad=st.sampled_from([0, 0, 4, 12]))
    def lose_through_the_balancer(self, bad: int) -> None:
        self.balanced = Balanced(12, bad)

    # What people do.

    @rule(name=st.sampled_from(NAMES), state=st.sampled_from(PinState))
    def pin(self, name: str, state: PinState) -> None:
        self.pins[name] = state
        self.tick(1)

    @rule()
    def release(self) -> None:
        self.pins.clear()
        self.tick(1)

    @rule(seconds=_seconds)
    def stop(self, seconds: int) -> None:
        self.stopped = True
        self.tick(seconds)
        self.stopped = False

    # Time, and what becomes of aggregators.

    @rule(seconds=_seconds)
    def wait(self, seconds: int) -> None:
        self.tick(seconds)

    @rule(seconds=st.integers(1, 40))
    def stand_still(self, seconds: int) -> None:
        """Nobody decides anything."""
        self.now += seconds
        self.tick(1)

    def tick(self, seconds: int) -> None:
        """Turns, once a second."""
        for _ in range(seconds):
            self.now += 1.0
            if self.settles:
                self.settled_at = self.now
            for number in range(len(self.all)):
                self._turn(number)

    def _turn(self, number: int) -> None:
        one = self.all[number]
        if self.now < one.down_until:
            return
        controls = Controls(
            self.holder == number,
            "anna" if self.stopped else "",
            "",
            tuple(pin(name, state) for name, state in sorted(self.pins.items())),
        )
        situation = self._situation(one)
        one.memory, one.turn = decide(one.memory, situation, controls, self.policy, 0.001)
        one.kept.append(encode(one.memory))
        self.broken = True
        self.witness.sees(self.now, situation, controls, one.turn)
        self.broken = False

    def _situation(self, one: Aggregator) -> Situation:
        slot = int(self.settled_at + one.off_s) - LAG_S
        views = [self._view(name, slot, int(one.off_s)) for name in sorted(self.roster)]
        losses: list[Finding] = [
            loss((("node", name),), handle=name, since=self.since[name])
            for name, verdict in sorted(self.roster.items())
            if verdict is Verdict.FAILED and self.told
        ]
        if self.wide:
            losses.append(loss((("region", "eu"),), handle="wide"))
        nodes = views if self.known else None
        return Situation("ingest", self.now + one.off_s, slot, nodes, losses, self.balanced)

    def _view(self, name: str, slot: int, off_s: int) -> NodeView:
        verdict, good = self.roster[name], self.good_since[name]
        own, probe = {
            Verdict.FAILED: (Opinion.BAD, Opinion.BAD),
            Verdict.SUSPECT: (Opinion.DOUBTFUL, Opinion.BAD),
            Verdict.UNKNOWN: (Opinion.NONE, Opinion.NONE),
        }.get(verdict, (Opinion.GOOD, Opinion.GOOD))
        sights = [sight(name, own, slot, own=True), sight("probe", probe, slot)]
        good_since = None if good is None else int(good) + off_s
        zone = ZONES[NAMES.index(name) % len(ZONES)]
        since = self.since[name] + off_s
        return view(
            name, verdict, slot=slot, since=since, good_since=good_since, zone=zone, sights=sights
        )

    def teardown(self) -> None:
        """When all is well, everybody is in, and nobody is told of anything."""
        if self.broken:
            return
        self.pins.clear()
        self._become(Verdict.HEALTHY, set(NAMES))
        self.balanced = Balanced(12, 0)
        self.holder = 0
        self.tick(int(POLICY.max_hold_s + POLICY.lease_s) + 40)
        one = self.all[0]
        assert not one.memory.out
        assert not one.memory.gone
        if one.turn.wanted is not None:
            assert (one.turn.wanted.out, one.turn.wanted.held, one.turn.wanted.frozen) == ((), (), "")
        assert not [each for each in one.turn.findings if each.handle == "freeze"]


class Alone(Fleet):
    """One aggregator, whose clock anybody may set while it runs."""

    @rule(by_s=st.sampled_from([-1_000.0, -30.0, -2.0, 2.0, 9.0, 15.0, 30.0, 1_000.0]))
    def set_the_clock(self, by_s: float) -> None:
        one = self.all[0]
        one.off_s += by_s
        self.tick(1)
        # Of what was written before, nobody could tell how old it is.
        while len(one.kept) > 1:
            one.kept.popleft()

    @rule(forgets=st.integers(0, 3), down_s=st.sampled_from([0, 1, 5, 11, 13, 60, 200]))
    def restart(self, forgets: int, down_s: int) -> None:
        self.all[0].restart(forgets)
        self.now += down_s
        self.tick(2)

    @rule()
    def nobody_knows_anything(self) -> None:
        """Whoever is out by our decision comes back within a lease."""
        self._become(Verdict.UNKNOWN, set(NAMES))
        self.tick(int(POLICY.lease_s) + 2)
        wanted = self.all[0].turn.wanted
        if wanted is not None:
            assert {each.node for each in wanted.out} <= self.pins.keys()


class Pair(Fleet):
    """Two, between which the lease moves at any time; never do both hold it. The holder's memory comes
    over or does not, at once or late; late only where both clocks are right."""

    aggregators = 2

    def __init__(self) -> None:
        super().__init__()
        self.delay_s = 0
        self.hears = True
        self.words: deque[str] = deque(maxlen=8)

    @initialize(off_s=st.sampled_from([0.0, 0.0, 7.0, -3.0, -7.0]), delay_s=st.integers(0, 3))
    def begin_both(self, off_s: float, delay_s: int) -> None:
        self.all[1].off_s = off_s
        self.delay_s = 0 if off_s else delay_s

    def tick(self, seconds: int) -> None:
        for _ in range(seconds):
            super().tick(1)
            if self.holder is None:
                continue
            self.words.append(encode(self.all[self.holder].memory))
            other = self.all[1 - self.holder]
            if self.hears and len(self.words) > self.delay_s:
                other.memory = adopt(other.memory, decode(self.words[-1 - self.delay_s]))

    @rule(gap_s=st.integers(0, int(POLICY.lease_s)), to=st.integers(0, 1))
    def hand_over(self, gap_s: int, to: int) -> None:
        self.holder = None
        self.tick(gap_s)
        self.words.clear()
        self.holder = to
        self.tick(1)

    @rule(seconds=st.integers(1, 20))
    def hear_nothing(self, seconds: int) -> None:
        self.hears = False
        self.tick(seconds)

    @rule()
    def hear_again(self) -> None:
        self.hears = True
        self.tick(2)

    @precondition(lambda self: self.holder is not None)
    @rule(forgets=st.integers(0, 3), down_s=st.integers(1, 20))
    def holder_dies(self, forgets: int, down_s: int) -> None:
        """The other takes over meanwhile; the one that died comes back and stands by."""
        assert self.holder is not None
        died, self.holder = self.all[self.holder], 1 - self.holder
        died.restart(forgets)
        died.down_until = self.now + down_s
        self.words.clear()
        self.tick(down_s + 1)


SETTINGS = settings(
    max_examples=60, stateful_step_count=30, suppress_health_check=list(HealthCheck), deadline=None
)

TestAlone: Any = Alone.TestCase
TestPair: Any = Pair.TestCase
TestAlone.settings = TestPair.settings = SETTINGS


@pytest.mark.parametrize("name", ["many", "per_minute"])
def test_the_witness_sees_when_a_rail_is_missing(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rails, "RAILS", tuple(each for each in rails.RAILS if each.name != name))
    tries = settings(SETTINGS, max_examples=2_000, phases=[Phase.generate], database=None)
    with pytest.raises((AssertionError, ExceptionGroup)):
        run_state_machine_as_test(Pair, settings=tries)
