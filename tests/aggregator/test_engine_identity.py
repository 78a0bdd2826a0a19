"""Expected = the sum of the fates, against a plain model of what the roster expects."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import example, given, settings
from hypothesis import strategies as st

from coalmine_aggregator.model.scopes import Leaf, leaf_of
from coalmine_wire.protocols import Protocol
from coalmine_wire.reports import Birth, Life, State, Verdict
from tests.aggregator.fleet import Canary, Desk, T, desk

HORIZON = 120

MOST_S = 50
"""Shorter than names of ended series stay known."""
KINDS = tuple(Protocol)[:4]


@dataclass
class Expectation:
    """What a roster expects: for every slot the leaves, each host having a region of its own.

    A birth decides, for its agent, all slots from its first on, or from the first one that is not
    settled; names that receivers did not know begin with the next second.
    """

    plan: dict[int, dict[str, set[Leaf]]] = field(default_factory=dict)
    known: dict[Leaf, int] = field(default_factory=dict)

    def birth(self, birth: Birth, unsettled: int, now: float, restored: bool = False) -> None:
        first = min(max(birth.first_slot, unsettled), int(now) + 5)
        leaves = {leaf_of(series) for series in birth.series()}
        for leaf in leaves:
            self.known.setdefault(leaf, unsettled if restored else int(now) + 1)
        for slot in range(first, T + HORIZON):
            heard = {leaf for leaf in leaves if self.known[leaf] <= slot}
            self.plan.setdefault(slot, {})[birth.agent] = heard

    def retire(self, agent: str, last: int, unsettled: int, now: float) -> None:
        for slot in range(max(min(last + 1, int(now) + 5), unsettled), T + HORIZON):
            self.plan.get(slot, {}).pop(agent, None)

    def at(self, slot: int) -> set[Leaf]:
        return set().union(*self.plan.get(slot, {}).values())


@dataclass
class Course:
    """An engine and the model beside it, through whatever comes."""

    at: Desk
    now: float = float(T)
    model: Expectation = field(default_factory=Expectation)
    canaries: dict[int, Canary] = field(default_factory=dict)
    retired: set[int] = field(default_factory=set)
    births: list[Birth] = field(default_factory=list)
    states: list[State] = field(default_factory=list)
    boots: int = 0

    def birth(self, number: int, kinds: tuple[Protocol, ...], ahead: int, new_boot: bool) -> None:
        old = self.canaries.get(number)
        fresh = old is None or new_boot or number in self.retired
        self.boots += fresh
        canary = Canary(
            agent=f"a{number}",
            host=f"h{number}",
            region=f"r{number}",
            boot=f"boot{self.boots}" if fresh or old is None else old.boot,
            revision=1 if fresh or old is None else old.revision + 1,
            first_slot=int(self.now) + ahead,
            protocols=kinds,
        )
        self.model.birth(canary.birth(), self.at.engine.first_unsettled, self.now)
        self.at.engine.birth(canary.birth(), self.now)
        self.births.append(canary.birth())
        self.canaries[number] = canary
        self.retired.discard(number)

    def retire(self, number: int, ago: int) -> None:
        canary = self.canaries.get(number)
        if canary is None or number in self.retired:
            return
        last = int(self.now) - ago
        state = canary.state(Life.RETIRED, last)
        self.model.retire(canary.agent, last, self.at.engine.first_unsettled, self.now)
        self.at.engine.state(state, self.now)
        self.states.append(state)
        self.retired.add(number)

    def goodbye(self, number: int) -> None:
        if number in self.canaries and number not in self.retired:
            state = self.canaries[number].state(Life.GOODBYE, int(self.now) - 1)
            self.at.engine.state(state, self.now)
            self.states.append(state)

    def clash(self, number: int) -> None:
        """Another agent with the labels of one that was heard just now, and which soon gives up."""
        canary = self.canaries.get(number)
        if canary is None or number in self.retired:
            return
        self.at.engine.state(canary.state(Life.ALIVE), self.now)
        if {view.boot: view.status for view in self.at.engine.agents(self.now)}[canary.boot] != "alive":
            return  # it said goodbye: its labels are free
        intruder = Canary(agent="intruder", host=canary.host, region=canary.region, boot="other")
        self.at.engine.birth(intruder.birth(), self.now)
        report = intruder.report([int(self.now)], Verdict.FAILED, sent_at=self.now)
        self.at.engine.report(report, self.now)
        self.at.engine.state(intruder.state(Life.GOODBYE, int(self.now)), self.now)

    def evidence(self, number: int, ago: int, verdict: Verdict | None) -> None:
        canary = self.canaries.get(number)
        if canary is None:
            return
        slot = int(self.now) - ago
        if verdict is None:
            self.at.receive(canary.names(), slot, arrived=self.now)
        else:
            self.at.engine.report(canary.report([slot], verdict), self.now)

    def gap(self, ago: int) -> None:
        self.at.engine.gap(int(self.now) - ago, int(self.now), "test")

    def tick(self, later: float) -> None:
        if self.now < T + MOST_S:
            self.now += later
        self.at.tick(self.now)

    def restart(self, later: int) -> None:
        """Killed, and started again on what was stored; what nobody had settled is planned anew."""
        if self.now < T + MOST_S:
            self.now = float(int(self.now) + later)
        past = self.at.restored(self.births, self.states)
        if past.last_slot is None:
            return
        then = desk(self.now, past, depth=16)
        then.slots = self.at.slots
        self.at = then
        unsettled = past.last_slot + 1
        for slot in [slot for slot in self.model.plan if slot >= unsettled]:
            del self.model.plan[slot]
        self.model.known.clear()
        for birth in self.births:
            self.model.birth(birth, unsettled, self.now, restored=True)
        for state in self.states:
            number = int(state.agent[1:])
            if state.life is Life.RETIRED and self.canaries[number].boot == state.boot:
                assert state.last_slot is not None
                self.model.retire(state.agent, state.last_slot, unsettled, self.now)

    def check(self) -> None:
        for slot, counts in self.at.slots.items():
            expected = {
                leaf: total
                for leaf, total in zip(counts.leaves, counts.fates.sum(axis=1).tolist(), strict=True)
                if total
            }
            assert expected == dict.fromkeys(self.model.at(slot), 1), slot - T


NUMBER, AGO = st.integers(0, 2), st.integers(0, 25)
KIND_SETS = st.sets(st.sampled_from(KINDS)).map(lambda kinds: tuple(sorted(kinds)))
ACTS = st.one_of(
    st.tuples(st.just("birth"), NUMBER, KIND_SETS, st.integers(-20, 8), st.booleans()),
    st.tuples(st.just("retire"), NUMBER, st.integers(-3, 8)),
    st.tuples(st.just("goodbye"), NUMBER),
    st.tuples(st.just("clash"), NUMBER),
    st.tuples(st.just("evidence"), NUMBER, AGO, st.none() | st.sampled_from(list(Verdict))),
    st.tuples(st.just("gap"), AGO),
    st.tuples(st.just("tick"), st.sampled_from([0.2, 1.0, 1.0, 4.0, 20.0])),
    st.tuples(st.just("restart"), st.integers(0, 6)),
)


# Invariant: for every slot and every group, expected is the sum of the fates, and it is what the roster
# says, for any interleaving of births, reloads, retirements, goodbyes, clashes, receipts, reports and
# replays, gaps and restarts, also after revisions.
@settings(max_examples=250, deadline=None)
@given(st.lists(ACTS, max_size=30))
# A reload that takes back, within its second, one that was to begin and to end a series later.
@example(
    [
        ("birth", 0, (), 0, False),
        ("birth", 0, (Protocol.TCP,), 2, False),
        ("birth", 0, (), 3, False),
        ("birth", 0, (Protocol.TCP,), 0, False),
    ]
)
# A retirement that reaches back before one that was taken back meanwhile.
@example(
    [
        ("birth", 0, (), 0, False),
        ("birth", 1, (Protocol.TCP,), 0, False),
        ("retire", 1, -1),
        ("birth", 1, (Protocol.TCP,), 3, False),
        ("retire", 1, 0),
    ]
)
def test_expected_is_what_the_roster_says(acts: list[tuple[object, ...]]) -> None:
    course = Course(desk(depth=16))
    course.birth(0, KINDS, 1, new_boot=True)
    for name, *arguments in acts:
        getattr(course, str(name))(*arguments)
        course.at.tick(course.now)
    course.at.tick(course.now + 4)
    assert course.at.slots
    course.check()
