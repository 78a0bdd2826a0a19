"""The lease: never two that act, whatever the network and the clocks do, and soon again one.

The world below has a broker that takes words one by one and brings each to all who are connected, in
that order on each connection. Words on their way are late by up to seconds; connections break, with
words on them lost or still taken; processes stall, die and come back; clocks differ and run at
different speeds.
"""

from __future__ import annotations

import random
from collections import deque
from typing import NamedTuple

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from coalmine_aggregator.remediate.lease import EVERY_S, FENCE_S, SURE_S, TAKE_S, YIELD_S, Lease

STEP_S = 0.1
CALM_S = 60.0
"""After so long without trouble somebody acts."""


class Word(NamedTuple):
    """`run` tells processes of one name apart."""

    name: str
    run: int
    number: int
    claims: bool


class Node:
    """One aggregator: a process, which may be dead or stalled, and its connection."""

    def __init__(self, name: str, chance: random.Random) -> None:
        self.name = name
        self.run = 0
        self.skew_s = chance.uniform(-1e6, 1e6)
        self.speed = chance.uniform(0.98, 1.02)
        self.up: deque[tuple[float, Word]] = deque()
        self.down: deque[tuple[float, Word]] = deque()
        self.stalled_until = 0.0
        self.start()

    def start(self) -> None:
        """A new process."""
        self.run += 1
        self.lease: Lease | None = Lease(self.name == "b")
        self.is_connected = False
        self.say_at = 0.0

    def clock(self, time: float) -> float:
        """Its own."""
        return self.skew_s + time * self.speed

    def holds(self, time: float) -> bool:
        """What its outputs would see now."""
        return self.lease is not None and self.lease.holds(self.clock(time))


class World:
    """Everything there is."""

    def __init__(self, seed: int, worst_delay_s: float) -> None:
        self.chance = random.Random(seed)
        self.worst_delay_s = worst_delay_s
        self.nodes = [Node("a", self.chance), Node("b", self.chance)]
        self.time = 0.0
        self.switches = 0
        self.holder = ""

    def due(self, queue: deque[tuple[float, Word]]) -> float:
        """When what is put on a queue now comes out of it: behind what is before it."""
        slow = self.chance.random() < 0.1
        delay_s = self.chance.uniform(0.0, self.worst_delay_s if slow else 0.05)
        return max(self.time + delay_s, queue[-1][0] if queue else 0.0)

    def step(self, trouble: float) -> None:
        """A tenth of a second."""
        self.time = round(self.time + STEP_S, 3)
        for node in self.nodes:
            if self.chance.random() < trouble:
                self.harm(node)
        for node in self.chance.sample(self.nodes, 2):
            self.move(node)
        holding = [node.name for node in self.nodes if node.holds(self.time)]
        assert len(holding) < 2, f"both at {self.time}"
        if holding and holding[0] != self.holder:
            self.holder = holding[0]
            self.switches += 1

    def harm(self, node: Node) -> None:
        """Something happens to it."""
        match self.chance.randrange(4):
            case 0:
                self.cut(node)
            case 1:
                node.stalled_until = self.time + self.chance.uniform(0.0, 12.0)
            case 2:
                node.lease = None
                self.cut(node)
            case _:
                for each in self.nodes:  # the broker is started anew
                    self.cut(each)
                    each.up.clear()

    def cut(self, node: Node) -> None:
        """The connection breaks; what was sent may still be taken."""
        if node.is_connected and node.lease is not None:
            node.lease.disconnected()
        node.is_connected = False
        node.down.clear()
        if self.chance.random() < 0.5:
            node.up.clear()

    def move(self, node: Node) -> None:
        """What it sends is taken, what is brought to it is heard."""
        while node.up and node.up[0][0] <= self.time:
            _, word = node.up.popleft()
            for each in self.nodes:
                if each.is_connected:
                    each.down.append((self.due(each.down), word))
        if node.lease is None:
            if self.chance.random() < 0.05:
                node.start()
            return
        if self.time < node.stalled_until:
            return
        lease, now = node.lease, node.clock(self.time)
        if not node.is_connected:
            if self.chance.random() < 0.1:
                node.is_connected = True
                lease.connected(now)
            return
        while node.down and node.down[0][0] <= self.time:
            _, word = node.down.popleft()
            if (word.name, word.run) == (node.name, node.run):
                lease.came_back(word.number, now)
            else:
                lease.heard(f"{word.name}/{word.run}", word.claims, now)
        if self.time >= node.say_at:
            node.say_at = self.time + EVERY_S
            number, claims = lease.say(now)
            word = Word(node.name, node.run, number, claims)
            node.up.append((self.due(node.up), word))


def until_somebody_holds(world: World) -> None:
    """Lets it come to rest."""
    for _ in range(round(CALM_S / STEP_S)):
        world.step(0.0)


SEEDS = st.integers(0, 2**63)


@settings(max_examples=150, deadline=None)
@given(SEEDS, st.sampled_from([0.2, 2.0, 6.0, 12.0]), st.sampled_from([0.001, 0.01, 0.05]))
@example(1, 6.0, 0.01)
def test_never_two_act_and_soon_again_one(seed: int, worst_delay_s: float, trouble: float) -> None:
    world = World(seed, worst_delay_s)
    for _ in range(1_200):
        world.step(trouble)
    world.worst_delay_s = 0.2
    until_somebody_holds(world)
    assert any(node.holds(world.time) for node in world.nodes)


def test_the_worlds_have_leases_that_move() -> None:
    moved = 0
    for seed in range(20):
        world = World(seed, 2.0)
        for _ in range(1_200):
            world.step(0.01)
        moved += world.switches
    assert moved > 40


class Alone:
    """One lease and what it hears, by hand."""

    def __init__(self, yields: bool = False) -> None:
        self.lease = Lease(yields)
        self.now = 0.0
        self.lease.connected(0.0)

    def live(self, until: float) -> None:
        """Its words come back at once."""
        while self.now < until:
            self.lease.came_back(self.lease.say(self.now)[0], self.now)
            self.now += EVERY_S


@pytest.mark.parametrize("yields", [False, True])
def test_one_that_hears_nobody_acts_after_a_while(yields: bool) -> None:
    alone = Alone(yields)
    wait_s = TAKE_S + YIELD_S * yields
    alone.live(wait_s - 1.0)
    assert not alone.lease.holds(alone.now)
    alone.live(wait_s + 2.0)
    assert alone.lease.holds(alone.now)
    assert alone.lease.trouble(alone.now) == ""


def test_one_whose_words_do_not_come_back_stops() -> None:
    alone = Alone()
    alone.live(20.0)
    sent_at = alone.now - EVERY_S  # the last that came back
    assert alone.lease.holds(sent_at + FENCE_S - 0.1)
    assert not alone.lease.holds(sent_at + FENCE_S)
    assert "our own words" in alone.lease.trouble(sent_at + TAKE_S)
    alone.lease.disconnected()
    assert "not reached" in alone.lease.trouble(sent_at + TAKE_S)


def test_one_that_hears_a_claim_stays_only_where_the_other_must_have_heard_it() -> None:
    assert TAKE_S >= FENCE_S + SURE_S
    alone = Alone()
    alone.live(20.0)
    proved_at = alone.now - EVERY_S
    alone.lease.heard("b/1", True, proved_at + SURE_S - 0.1)
    assert alone.lease.holds(proved_at + SURE_S - 0.1)
    number, _ = alone.lease.say(proved_at + SURE_S)
    alone.lease.heard("b/1", True, proved_at + SURE_S)
    assert not alone.lease.holds(proved_at + SURE_S)
    alone.lease.came_back(number, proved_at + SURE_S + 0.1)
    assert not alone.lease.holds(proved_at + SURE_S + 0.1), "what was on its way is void"


def test_one_that_lets_go_is_followed_at_once() -> None:
    alone = Alone(yields=True)
    for second in range(30):
        alone.lease.heard("a/1", True, float(second))
        alone.live(second + 1.0)
    assert not alone.lease.holds(30.0)
    alone.lease.heard("a/2", False, 30.1)
    assert not alone.lease.say(30.1)[1], "another process has not held it"
    alone.lease.heard("a/1", False, 30.2)
    number, claims = alone.lease.say(30.3)
    assert claims
    alone.lease.came_back(number, 30.4)
    assert alone.lease.holds(30.4)


def test_one_that_was_told_to_let_go_does_not_come_back() -> None:
    alone = Alone()
    alone.live(20.0)
    assert alone.lease.holds(alone.now)
    alone.lease.let_go()
    assert not alone.lease.holds(alone.now)
    alone.live(60.0)
    alone.lease.heard("b/1", True, alone.now)
    alone.lease.heard("b/1", False, alone.now)
    assert alone.lease.say(alone.now)[1] is False


def test_a_word_from_before_a_new_connection_proves_nothing() -> None:
    alone = Alone()
    alone.live(TAKE_S)
    number, claims = alone.lease.say(alone.now)
    assert claims
    alone.lease.disconnected()
    alone.lease.connected(alone.now)
    alone.lease.came_back(number, alone.now)
    assert not alone.lease.holds(alone.now)
