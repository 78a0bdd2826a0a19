"""Properties of the ledger as a whole, over any course of events that hypothesis comes up with."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from coalmine_aggregator.model.fates import Fate
from coalmine_wire.reports import Birth, Life, Report, State, Verdict
from tests.aggregator.fleet import Canary, Desk, T, bad, desk

AGENTS = 3
SECONDS = 40


@dataclass
class World:
    """A fleet, a broker and an aggregator with a store, around a service that never loses anything.

    Each of them can be down in any second. An agent keeps what it could not report and replays it. A
    datapoint that is sent reaches the aggregator unless that is down. Time goes in steps of a second.
    """

    aggregator_down: set[int]
    broker_down: set[int]
    agent_down: dict[int, set[int]]
    polite: dict[int, bool]
    unsaved_s: int
    at: Desk | None = None
    canaries: dict[int, Canary | None] = field(default_factory=dict)
    spool: dict[int, list[tuple[Canary, int]]] = field(default_factory=dict)
    unsent: list[Birth | State] = field(default_factory=list)
    births: list[Birth] = field(default_factory=list)
    states: list[State] = field(default_factory=list)
    saved: Desk = field(default_factory=lambda: Desk(desk().engine))
    expected_from: dict[int, int] = field(default_factory=dict)

    def run(self) -> None:
        for now in range(T, T + SECONDS + 8):
            self.aggregator(now)
            for number in range(AGENTS):
                self.agent(number, now)
            self.deliver(now)
            if self.at is not None:
                self.at.tick(now + 0.95)

    def aggregator(self, now: int) -> None:
        if now in self.aggregator_down and now < T + SECONDS:
            if self.at is not None:  # killed: what it settled last may not have been written yet
                self.save(now)
                self.at = None
        elif self.at is None:
            first = not self.saved.slots
            past = None if first else self.saved.restored(self.births, self.states)
            self.at = desk(float(now), past, depth=16)

    def save(self, now: int) -> None:
        assert self.at is not None
        keep = {s: c for s, c in self.at.slots.items() if s < now - 3 - self.unsaved_s}
        self.saved.slots.update(keep)
        self.saved.exceptions.update({s: b for s, b in self.at.exceptions.items() if s in keep})

    def agent(self, number: int, now: int) -> None:
        canary = self.canaries.get(number)
        if now in self.agent_down.get(number, ()):
            if canary is not None:
                if self.polite[number]:
                    self.unsent.append(canary.state(Life.GOODBYE, now - 1))
                self.canaries[number] = None
            return
        if canary is None:
            canary = Canary(f"a{number}", f"h{number}", boot=f"boot{now}", first_slot=now)
            self.canaries[number] = canary
            self.unsent.append(canary.birth())
        if self.at is not None:
            self.at.receive(canary.names(), now, arrived=now + 0.3)
        self.spool.setdefault(number, []).append((canary, now))

    def deliver(self, now: int) -> None:
        if self.at is None or now in self.broker_down:
            return
        for message in self.unsent:
            if isinstance(message, Birth):
                self.births.append(message)
                self.at.engine.birth(message, now + 0.4)
                self.at.learn()
            else:
                self.states.append(message)
                self.at.engine.state(message, now + 0.4)
        self.unsent.clear()
        for number, kept in self.spool.items():
            for canary, slot in kept:
                fresh = slot == now and canary is self.canaries.get(number)
                sent_at = now + 0.5 if fresh else 0.0
                self.at.engine.report(canary.report([slot], sent_at=sent_at), now + 0.51)
            kept.clear()


SPELL = st.tuples(st.integers(0, SECONDS), st.integers(1, 12))
SPELLS = st.lists(SPELL, max_size=3).map(
    lambda spells: {T + second for start, length in spells for second in range(start, start + length)}
)
WORLDS = st.builds(
    World,
    aggregator_down=SPELLS,
    broker_down=SPELLS,
    agent_down=st.fixed_dictionaries(dict.fromkeys(range(AGENTS), SPELLS)),
    polite=st.fixed_dictionaries({number: st.booleans() for number in range(AGENTS)}),
    unsaved_s=st.integers(0, 3),
)


# Invariant: outages of agents, broker and aggregator, in any order and overlap, invent no loss: while
# the service takes everything, no datapoint ends as failed, abandoned, lost or late; and every slot
# counts whatever the roster expects, all endpoints of the agents born by then, whoever was down.
@settings(max_examples=120, deadline=None)
@given(WORLDS)
def test_outages_invent_no_loss(world: World) -> None:
    world.run()
    assert world.at is not None
    slots = {**world.saved.slots, **world.at.slots}
    assert sorted(slots) == list(range(min(slots), T + SECONDS + 5))
    known = 0
    for slot, counts in sorted(slots.items()):
        total = world.at.total(slot) if slot in world.at.slots else world.saved.total(slot)
        assert not bad(total), (slot - T, total.by_fate())
        assert total.expected == counts.fates.sum()
        assert total.expected in range(known, 3 * AGENTS + 1, 3)
        known = total.expected  # nobody is retired by silence


# Invariant: what was taken in a quiet world is delivered, to the last datapoint.
def test_a_quiet_world_delivers_everything() -> None:
    world = World(set(), set(), {}, {}, 0)
    world.run()
    assert world.at is not None
    for slot in range(T + 1, T + SECONDS + 5):
        assert world.at.fates(slot) == {"delivered": 3 * AGENTS}


Act = Callable[[Desk], None]
FEW = range(T + 1, T + 6)


def receive(names: list[bytes], slot: int, arrived: float) -> Act:
    return lambda at: at.receive(names, slot, arrived)


def tell(report: Report) -> Act:
    return lambda at: at.engine.report(report, T + 8.0)


def gap(slot: int) -> Act:
    return lambda at: at.engine.gap(slot, slot, "test")


def acts(draw: st.DrawFn) -> list[Act]:
    """Evidence of a few slots of two agents: receipts, reports that may contradict each other, gaps."""
    canaries = [Canary(f"a{each}", f"h{each}") for each in range(2)]
    made: list[Act] = []
    for _ in range(draw(st.integers(0, 25))):
        canary = draw(st.sampled_from(canaries))
        slot = draw(st.sampled_from(FEW))
        match draw(st.sampled_from(["receipt", "late", "report", "report", "impaired", "gap"])):
            case "receipt":
                names = draw(st.lists(st.sampled_from(canary.names()), min_size=1, max_size=4))
                made.append(receive(names, slot, slot + 0.2))
            case "late":
                names = draw(st.lists(st.sampled_from(canary.names()), min_size=1, max_size=4))
                made.append(receive(names, slot, slot + 3.5))
            case "report":
                verdict = draw(st.sampled_from(list(Verdict)))
                which = draw(st.sets(st.integers(0, 2), min_size=1))
                report = canary.report([slot], verdict, endpoints=which)
                made.append(tell(report))
            case "impaired":
                report = canary.report([slot], endpoints=[], impaired=["overrun"])
                made.append(tell(report))
            case "gap":
                made.append(gap(slot))
    return made


@st.composite
def courses(draw: st.DrawFn) -> tuple[list[Act], random.Random, int, int]:
    return (
        acts(draw),
        draw(st.randoms(use_true_random=False)),
        draw(st.integers(0, 25)),
        draw(st.integers(0, 25)),
    )


# Invariant: the same evidence gives the same fates in whatever order it comes: before its slot settled,
# after that, after it left the ring, or after a restart.
@settings(max_examples=150, deadline=None)
@given(courses())
def test_fates_do_not_depend_on_the_order_of_evidence(
    course: tuple[list[Act], random.Random, int, int],
) -> None:
    made, rng, late, later = course
    births = [Canary(f"a{each}", f"h{each}").birth() for each in range(2)]

    def begin() -> Desk:
        at = desk(depth=8)
        for birth in births:
            at.engine.birth(birth, T + 0.5)
        at.learn()
        return at

    plain = begin()
    for act in made:
        act(plain)
    plain.tick(T + 9)
    plain.tick(T + 9)

    shuffled = made[:]
    rng.shuffle(shuffled)
    late, later = min(late, len(made)), min(max(late, later), len(made))
    other = begin()
    for act in shuffled[:late]:
        act(other)
    other.tick(T + 9)
    for act in shuffled[late:later]:
        act(other)
    other.tick(T + 9)
    again = begin_again(other, births)
    for act in shuffled[later:]:
        act(again)
    again.tick(T + 13)
    for slot in FEW:
        assert again.total(slot) == plain.total(slot), (slot - T, late, later)
        assert plain.total(slot).expected == 6


def begin_again(at: Desk, births: list[Birth]) -> Desk:
    """The next run on what a run left behind, in which receipts for older slots may still come."""
    then = desk(T + 12.0, at.restored(births), depth=8)
    then.slots.update(at.slots)
    then.learn()
    return then


# Invariant: revising with reports of any age never changes what was expected, nor what arrived.
@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(1, 40), st.sampled_from(list(Verdict)), st.sets(st.integers(0, 2))),
        max_size=30,
    ),
    st.integers(0, 40),
)
def test_replays_move_fates_and_nothing_else(
    replays: list[tuple[int, Verdict, set[int]]], received: int
) -> None:
    canary = Canary()
    at = desk(depth=8)
    at.engine.birth(canary.birth(), T + 0.5)
    for slot in range(T + 1, T + 41):
        if slot < T + received:
            at.receive(canary.names(), slot)
        at.tick(slot + 1.0)
    at.tick(T + 44)
    before = {slot: at.total(slot) for slot in at.slots}
    for offset, verdict, endpoints in replays:
        report: Report = canary.report([T + offset], verdict, endpoints=endpoints)
        at.engine.report(report, T + 44.0)
        at.tick(T + 44.0)
    for slot, was in before.items():
        total = at.total(slot)
        assert total.expected == was.expected == 3
        assert total.received == was.received
        if total.received:
            assert not total.fates[Fate.LOST]
