"""The dispatch under any history of alerts, answers, silences, hours and restarts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import date, time
from typing import NamedTuple
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from coalmine_aggregator.model.alerts import Alert, AlertClass, Change, Severity, Transition
from coalmine_aggregator.paging.dispatch import Dispatch
from coalmine_aggregator.paging.escalation import Policy, Step
from coalmine_aggregator.paging.hours import Hours
from coalmine_aggregator.paging.match import Match
from coalmine_aggregator.paging.order import Made, Order
from coalmine_aggregator.paging.policy import PagingPolicy, Route
from coalmine_aggregator.paging.rota import Rota
from coalmine_aggregator.paging.silence import Silence, SilenceKind
from coalmine_aggregator.paging.target import Target
from tests.aggregator.paging import alerts as by_hand
from tests.aggregator.paging.alerts import NOW, RECEIVERS, made

UTC = ZoneInfo("UTC")
OFFICE = Hours((0, 1, 2, 3, 4), time(9), time(17), UTC)
LATE = Policy((Step(600, (Target("sms", "oncall"),)), Step(900, (Target("voice", "oncall"),), 300, 4)))
BOSS = Policy((Step(1_800, (Target("voice", "cem"), Target("mail", "oncall"))),))
POLICY = PagingPolicy(
    RECEIVERS,
    (
        Route(Match(severities=(Severity.TICKET,)), (Target("chat"),), OFFICE, goes_on=True),
        Route(
            Match(labels=(("region", "eu*"),)),
            (Target("pager"), Target("mail", "oncall")),
            escalation="late",
            goes_on=True,
        ),
        Route(Match(severities=(Severity.PAGE,)), (Target("pager"), Target("chat")), escalation="boss"),
    ),
    {"late": LATE, "boss": BOSS},
    {"oncall": Rota(("anna", "ben"), UTC, date(2025, 11, 18))},
    fallback=(Target("mail", "anna"),),
)
CALM_S = 10 * 86_400


class Do(NamedTuple):
    """One thing that happens `wait_s` after the last: `what` to the alert, or silence, `which`."""

    what: str
    which: int
    wait_s: float
    scope: str = ""


_steps = st.lists(
    st.builds(
        Do,
        st.sampled_from(
            ["open", "open ticket", "change", "page", "acknowledge", "close", "silence", "end", "wait"]
        ),
        st.integers(0, 3),
        st.sampled_from([1.0, 60.0, 300.0, 700.0, 7_200.0, 43_200.0, 90_000.0]),
        st.sampled_from(["", "eu-1", "us-1"]),
    ),
    max_size=25,
)


class World:
    """Alerts as the machine would hand them out, an outbox, silences that are kept, and a dispatch that
    may be replaced, at any time, by one that knows no more than these."""

    def __init__(self, restarts: bool) -> None:
        self.now = NOW
        self.restarts = restarts
        self.open: dict[int, Transition] = {}
        self.outbox: list[tuple[float, Order]] = []
        self.silences: dict[str, Silence] = {}
        self.number = 0
        self.dispatch = self._fresh()

    def run(self, steps: Iterable[Do]) -> None:
        for step in steps:
            self.wait(step.wait_s)
            self.do(step)

    def wait(self, for_s: float) -> None:
        """Looks at what is due before and after: a real one does so every second."""
        for part_s in (for_s / 3, for_s / 3, for_s / 3):
            self.now += part_s
            self.tell(self.dispatch.due(self.now))
            if self.restarts:
                self.dispatch = self._fresh()

    def do(self, step: Do) -> None:
        numbers = sorted(self.open)
        number = numbers[step.which % len(numbers)] if numbers else 0
        match step.what:
            case "open" | "open ticket":
                self.number += 1
                severity = Severity.PAGE if step.what == "open" else Severity.TICKET
                kind = (AlertClass.LOSS, AlertClass.LATE, AlertClass.SLOW, AlertClass.CERTIFICATE)
                new = by_hand.alert(
                    self.number, kind[step.which], severity, ordinal=self.number, opened_at=self.now
                )
                self.hand_on(Change.OPENED, self.placed(new, step.scope))
            case "change" if number:
                self.hand_on(Change.CHANGED, self.placed(self.open[number].alert, step.scope))
            case "page" if number and self.open[number].alert.severity is Severity.TICKET:
                risen = self.open[number].alert._replace(
                    severity=Severity.PAGE, acknowledged_at=None, acknowledged_by=""
                )
                self.hand_on(Change.CHANGED, risen)
            case "acknowledge" if number and self.open[number].alert.acknowledged_at is None:
                answered = self.open[number].alert._replace(
                    acknowledged_at=self.now, acknowledged_by="anna"
                )
                self.hand_on(Change.ACKNOWLEDGED, answered)
            case "close" if number:
                self.hand_on(Change.CLOSED, self.open[number].alert._replace(closed_at=self.now))
            case "silence":
                self.put(f"s{step.which}", step.scope)
            case "end" if f"s{step.which}" in self.silences:
                self.end(f"s{step.which}")
            case _:
                pass
        self.tell(self.dispatch.due(self.now))

    def hand_on(self, change: Change, of: Alert) -> None:
        transition = Transition(change, self.now, of)
        if change is Change.CLOSED:
            del self.open[of.number]
        else:
            self.open[of.number] = transition
        for recipients in self.dispatch.take([transition], self.now):
            self.tell(recipients.orders)

    def put(self, id_: str, scope: str) -> None:
        match = Match(("ingest",), labels=(("region", scope),) if scope else ())
        ends_at = self.now + 5_000
        silence = Silence(id_, SilenceKind.SILENCE, match, "anna", "known", self.now, ends_at, self.now)
        self.dispatch.put_silence(silence, self.now)
        self.silences[id_] = silence

    def end(self, id_: str) -> None:
        try:
            self.silences[id_] = self.dispatch.end_silence(id_, "ben", self.now)
        except KeyError:
            ended = self.silences[id_]
            assert ended.ended_at is not None or ended.over_at <= self.now

    def tell(self, orders: Iterable[Order]) -> None:
        self.outbox += ((self.now, order) for order in orders)

    def is_silenced(self, of: Alert, at: float) -> bool:
        return any(silence.holds(of, at) for silence in self.silences.values())

    @staticmethod
    def placed(of: Alert, region: str) -> Alert:
        return of._replace(scope=(("region", region),) if region else ())

    def _fresh(self) -> Dispatch:
        kept: list[Made] = [
            made(order, at) for at, order in self.outbox if order.transition.alert.number in self.open
        ]
        return Dispatch(POLICY, list(self.open.values()), kept, self.silences.values(), self.now)


def key(order: Order) -> tuple[int, str, str, int, int]:
    return (order.transition.alert.number, order.receiver, order.to, order.step, order.repeat)


@given(_steps, st.booleans())
@settings(max_examples=200)
def test_each_is_told_once_ends_follow_openings_and_holds_hold(steps: list[Do], restarts: bool) -> None:
    """Each target hears that an alert opened at most once for each step and repeat, and once more if it
    became a page; changed, acknowledged and closed only after that, and the last thing; while a silence
    takes the alert, neither openings nor changes; out of hours no chat hears of a ticket."""
    world = World(restarts)
    world.run(steps)
    openings: defaultdict[tuple[object, ...], int] = defaultdict(int)
    heard: set[tuple[int, str, str]] = set()
    over: set[tuple[int, str, str]] = set()
    for at, order in world.outbox:
        change, _, of, _ = order.transition
        who = (of.number, order.receiver, order.to)
        assert who not in over
        assert change in RECEIVERS[order.receiver].hears
        if change is Change.OPENED:
            openings[(*key(order), of.severity)] += 1
            heard.add(who)
        elif change is Change.CLOSED:
            over.add(who)
        if change is not Change.OPENED:
            assert who in heard
            assert (order.step, order.repeat) == (0, 0)
        if change in (Change.OPENED, Change.CHANGED):
            assert not _was_silenced(world, of, at)
            ticket_only = of.severity is Severity.TICKET and order.receiver == "chat"
            assert not ticket_only or OFFICE.open_at(at)
    assert set(openings.values()) <= {1}


def _was_silenced(world: World, of: Alert, at: float) -> bool:
    # A silence that was put anew under its id is known in its newest form alone.
    return any(silence.holds(of, at) and silence.created_at < at for silence in world.silences.values())


@given(_steps)
@settings(max_examples=200)
def test_a_dispatch_that_starts_anew_all_the_time_tells_the_same(steps: list[Do]) -> None:
    """Nothing is lost or told twice by a restart: open alerts and notices made are all there is."""
    one, other = World(restarts=False), World(restarts=True)
    one.run(steps)
    other.run(steps)
    assert [(at, order) for at, order in one.outbox] == [(at, order) for at, order in other.outbox]


@given(_steps, st.booleans())
@settings(max_examples=200)
def test_after_every_hold_whoever_is_to_know_does(steps: list[Do], restarts: bool) -> None:
    """Some days after everything, when silences are over and hours have come, every target of an open
    alert that nobody acknowledged and no wider one holds was told, and every step was taken."""
    world = World(restarts)
    world.run(steps)
    for _ in range(20):
        world.wait(CALM_S / 20)
    told: defaultdict[int, set[str]] = defaultdict(set)
    climbed: defaultdict[int, set[tuple[int, int]]] = defaultdict(set)
    for _, order in world.outbox:
        of = order.transition.alert
        if of.severity is world.open.get(of.number, order.transition).alert.severity:
            told[of.number].add(order.receiver)
            climbed[of.number].add((order.step, order.repeat))
    assert world.dispatch.due(world.now) == []
    held = world.dispatch.holds(world.now)
    for number, transition in world.open.items():
        of = transition.alert
        if of.acknowledged_at is not None or number in held:
            continue
        in_eu = any(value == "eu-1" for _, value in of.scope)
        if of.severity is Severity.PAGE:
            assert {"pager", "chat", "voice"} <= told[number]
            assert (21, 0) in climbed[number]
        else:
            assert "chat" in told[number]
        if in_eu:
            assert {"pager", "mail"} <= told[number]
            assert {(1, 0), (2, 3)} <= climbed[number]
    for hold in held.values():
        assert hold.kind in ("inhibited", "hours")


@given(_steps, st.lists(st.sampled_from([-3_600.0, -5.0, 3_600.0, 86_400.0]), max_size=5))
def test_a_clock_that_is_set_tells_nobody_twice(steps: list[Do], jumps: list[float]) -> None:
    """However the clock is set between, no opening is told twice for one step and repeat."""
    world = World(restarts=False)
    for part, jump in enumerate([*jumps, 0.0]):
        world.run(steps[part :: len(jumps) + 1])
        world.now += jump
    openings = [
        (*key(order), order.transition.alert.severity)
        for _, order in world.outbox
        if order.transition.change is Change.OPENED
    ]
    assert len(openings) == len(set(openings))
