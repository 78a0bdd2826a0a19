"""The alert machine: opens early, names the group, pages once, closes on evidence alone."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import pytest

from coalmine_aggregator.alerts.machine import Observation, State, step
from coalmine_aggregator.model.alerts import Change, Transition
from coalmine_aggregator.model.fates import Fate
from coalmine_aggregator.model.policy import ServicePolicy
from coalmine_aggregator.model.scopes import Leaf
from coalmine_aggregator.model.slot_counts import SlotCounts
from tests.aggregator.alerts.fleet import START, leaves, second

POLICY = ServicePolicy("ingest", 0.001, owner="ingest-oncall", playbook="https://wiki.example/ingest")
FLEET = leaves()

Faulty = Callable[[Leaf], Fate | tuple[Fate, int] | None]


def healthy(_: Leaf) -> None:
    return None


def udp_lost(leaf: Leaf) -> Fate | None:
    return Fate.LOST if leaf.protocol == "udp" else None


class Run:
    """Feeds slots one by one and keeps what came out, by slot offset."""

    def __init__(self, *policies: ServicePolicy, state: State | None = None) -> None:
        self.policies = {policy.name: policy for policy in policies or (POLICY,)}
        self.state = state or State("prod")
        self.at = 0
        self.out: list[tuple[int, Transition]] = []

    def slots(
        self, count: int, fate: Faulty = healthy, agents: int = 4, of: tuple[Leaf, ...] = FLEET
    ) -> list[Transition]:
        """Settles the next `count` slots; returns the transitions."""
        before = len(self.out)
        for _ in range(count):
            self.step([second(START + self.at, of, agents, fate)])
            self.at += 1
        return [transition for _, transition in self.out[before:]]

    def step(self, settled: Sequence[SlotCounts], revised: Sequence[SlotCounts] = ()) -> None:
        now = START + self.at + 3.0
        self.state, transitions = step(self.state, Observation(settled, revised), self.policies, now)
        self.out += [(self.at, transition) for transition in transitions]


def test_total_loss_opens_with_the_first_slot_that_shows_it() -> None:
    run = Run()
    assert run.slots(20) == []
    (opened,) = run.slots(1, udp_lost)
    assert opened.change is Change.OPENED
    alert = opened.alert
    assert alert.scope == (("protocol", "udp"),)
    assert (alert.id, alert.dedup_key, alert.number) == ("ingest-loss-1", "prod/ingest/loss/1", 1)
    assert alert.since == START + 20
    assert opened.at == alert.opened_at == START + 20 + 3.0
    # Exact counts, over the seconds of the loss alone: 3 zones x 4 agents, one second.
    assert (alert.counts.bad, alert.counts.judged, alert.window_s) == (12, 12, 1)
    assert (alert.beside.bad, alert.beside.judged) == (0, 36)
    assert (alert.owner, alert.playbook) == (POLICY.owner, POLICY.playbook)


def test_it_does_not_wait_for_a_full_window_after_a_start() -> None:
    assert len(Run().slots(1, udp_lost)) == 1


def test_one_path_of_four_agents_opens_within_four_seconds_of_the_failing_slot() -> None:
    """Four datapoints a second are under `min_lost`; the second slot makes eight. Slots settle 3 s
    after they begin, so that it is known at slot + 4."""
    run = Run()
    of = leaves(protocols=["tcp"], zones=[("eu-west-1", "eu-west-1a")])
    run.slots(10, of=of)
    assert run.slots(1, lambda leaf: Fate.FAILED, of=of) == []
    (opened,) = run.slots(1, lambda leaf: Fate.FAILED, of=of)
    assert opened.at - (START + 10) <= 4.0
    assert (opened.alert.counts.bad, opened.alert.window_s) == (8, 2)


@pytest.mark.parametrize("fate", [Fate.FAILED, Fate.ABANDONED, Fate.LOST, Fate.LATE])
def test_every_bad_fate_counts(fate: Fate) -> None:
    run = Run()
    run.slots(10)
    assert [t.change for t in run.slots(1, lambda leaf: fate)] == [Change.OPENED]


@pytest.mark.parametrize("fate", [Fate.UNKNOWN, Fate.NOT_ATTEMPTED])
def test_what_is_neither_good_nor_bad_opens_nothing(fate: Fate) -> None:
    run = Run()
    run.slots(10)
    assert run.slots(30, lambda leaf: fate) == []


def test_single_losses_never_page_however_few_datapoints_there_are() -> None:
    """One a window is 100 % of a second of one agent, and still not `min_lost`."""
    run = Run()
    of = leaves(protocols=["udp"], zones=[("eu-west-1", "eu-west-1a")])
    for _ in range(20):
        assert run.slots(1, udp_lost, agents=1, of=of) == []
        assert run.slots(9, agents=1, of=of) == []


def test_loss_within_the_acceptable_opens_nothing() -> None:
    run = Run(POLICY._replace(acceptable_loss=0.1))
    # 12 of 120 udp datapoints of each window are exactly 10 %.
    for _ in range(30):
        assert run.slots(9) == []
        assert run.slots(1, udp_lost) == []


def test_a_closing_takes_the_whole_window() -> None:
    run = Run()
    run.slots(10)
    run.slots(5, udp_lost)
    assert run.slots(9) == []
    (closed,) = run.slots(1)
    assert closed.change is Change.CLOSED
    assert closed.alert.closed_at == closed.at
    assert closed.alert.number == 1
    assert (closed.alert.counts.bad, closed.alert.counts.judged) == (0, 120)
    assert run.state.open == ()
    assert run.slots(30) == []


def test_silence_closes_nothing() -> None:
    run = Run()
    run.slots(10)
    run.slots(5, udp_lost)
    assert run.slots(60, lambda leaf: Fate.UNKNOWN) == []
    # Evidence in half of the window is enough, less is not.
    assert run.slots(4) == []
    assert [t.change for t in run.slots(1)] == [Change.CLOSED]


def test_an_alert_of_what_is_no_longer_expected_ends_a_minute_after_its_window() -> None:
    run = Run()
    run.slots(10)
    run.slots(5, udp_lost)
    without = leaves(protocols=["tcp", "tls", "https"])
    assert run.slots(69, of=without) == []
    assert [t.change for t in run.slots(1, of=without)] == [Change.CLOSED]


def test_a_service_that_left_the_configuration_ends_its_alert() -> None:
    run = Run()
    run.slots(3, udp_lost)
    run.policies = {}
    (closed,) = run.slots(1)
    assert closed.change is Change.CLOSED
    assert closed.alert.closed_at == closed.at


def test_further_loss_changes_the_scope_and_never_pages_again() -> None:
    run = Run()
    run.slots(10)
    run.slots(10, udp_lost)
    transitions = run.slots(20, lambda leaf: Fate.LOST)
    assert {t.change for t in transitions} == {Change.CHANGED}
    assert transitions[-1].alert.scope == ()
    assert {t.alert.number for t in transitions} == {1}
    # The first loss heals, the other stays: still the same alert.
    transitions = run.slots(30, lambda leaf: Fate.LOST if leaf.protocol != "udp" else None)
    assert {t.change for t in transitions} <= {Change.CHANGED}
    assert [t.change for t in run.slots(20)][-1] is Change.CLOSED


def test_the_scope_of_a_partial_loss_stays_put() -> None:
    """30 % of udp, unevenly from second to second: the scope does not follow the noise."""
    run = Run()
    run.slots(10)
    dice = random.Random(4)

    def some(leaf: Leaf) -> tuple[Fate, int] | None:
        lost = sum(dice.random() < 0.3 for _ in range(20))
        return (Fate.LOST, lost) if leaf.protocol == "udp" else None

    transitions = run.slots(120, some, agents=20)
    assert [t.change for t in transitions] == [Change.OPENED]
    assert transitions[0].alert.scope == (("protocol", "udp"),)


@pytest.mark.parametrize(
    ("hit", "scope"),
    [
        (lambda leaf: True, {}),
        (lambda leaf: leaf.region == "eu-west-1", {"region": "eu-west-1"}),
        # The only zone of its region: of equals the preferred label.
        (lambda leaf: leaf.zone == "us-east-1a", {"region": "us-east-1"}),
        (lambda leaf: leaf.zone == "eu-west-1b", {"zone": "eu-west-1b"}),
        (
            lambda leaf: leaf.protocol == "tls" and leaf.zone == "eu-west-1a",
            {"protocol": "tls", "zone": "eu-west-1a"},
        ),
        (
            lambda leaf: leaf.protocol == "tls" and leaf.region == "eu-west-1",
            {"protocol": "tls", "region": "eu-west-1"},
        ),
        # Two protocols have no name of their own: the service has.
        (lambda leaf: leaf.protocol in ("tcp", "udp"), {}),
    ],
)
def test_the_scope_is_the_group_that_was_hit(
    hit: Callable[[Leaf], bool], scope: dict[str, str]
) -> None:
    run = Run()
    run.slots(10)
    transitions = run.slots(10, lambda leaf: Fate.LOST if hit(leaf) else None)
    assert dict(transitions[-1].alert.scope) == scope
    assert transitions[0].change is Change.OPENED


def test_a_stray_loss_before_is_no_part_of_it() -> None:
    run = Run()
    run.slots(10)
    run.slots(
        1, lambda leaf: (Fate.LOST, 1) if leaf.zone == "eu-west-1b" and leaf.protocol == "udp" else None
    )
    run.slots(5)
    (opened,) = run.slots(1, udp_lost)
    assert opened.alert.since == START + 16
    assert (opened.alert.counts.bad, opened.alert.counts.judged) == (12, 12)


def test_revisions_replace_what_was_counted() -> None:
    run = Run()
    run.slots(10)
    run.slots(3, lambda leaf: Fate.UNKNOWN if leaf.protocol == "udp" else None)
    run.step([], [second(START + 11, FLEET, 4, udp_lost)])
    assert [t.change for _, t in run.out] == [Change.OPENED]
    # The late reports said that all was well after all.
    run.step([], [second(START + 11, FLEET)])
    run.slots(10)
    assert [t.change for _, t in run.out] == [Change.OPENED, Change.CLOSED]


@pytest.mark.parametrize(("age_s", "pages"), [(60, True), (61, False)])
def test_revisions_older_than_a_minute_never_page(age_s: int, pages: bool) -> None:
    run = Run(POLICY._replace(window_s=300))
    run.slots(200)
    newest = START + run.at - 1
    run.step([], [second(newest - age_s, FLEET, 4, udp_lost)])
    assert bool(run.out) is pages


def test_services_are_judged_apart() -> None:
    other = ServicePolicy("logs", 0.5, min_lost=1000)
    run = Run(POLICY, other)
    both = (*FLEET, *leaves("logs"))
    run.slots(10, of=both)
    opened = run.slots(5, lambda leaf: Fate.LOST, of=both)
    assert [t.alert.service for t in opened if t.change is Change.OPENED] == ["ingest"]


def test_a_service_without_a_policy_opens_nothing() -> None:
    run = Run()
    assert run.slots(10, lambda leaf: Fate.LOST, of=leaves("_control")) == []


def test_an_alert_outlives_a_restart_with_its_number() -> None:
    run = Run()
    run.slots(10)
    run.slots(5, udp_lost)
    again = Run(state=State("prod", 2, run.state.open, run.state.recent))
    again.at = run.at + 4  # four seconds down
    again.slots(3, udp_lost)
    assert again.out == []
    (closed,) = again.slots(13)
    assert (closed.change, closed.alert.number) == (Change.CLOSED, 1)
    (opened,) = again.slots(1, udp_lost)
    assert (opened.alert.number, opened.alert.ordinal) == (2, 1)


def test_a_start_without_any_history_neither_closes_nor_pages_again() -> None:
    run = Run()
    run.slots(2, udp_lost)
    again = Run(state=State("prod", 2, run.state.open, ()))
    again.at = run.at
    assert again.slots(4) == []
    assert again.slots(9, udp_lost) == []


def test_a_leaf_without_a_variant_is_not_named_by_it() -> None:
    of = tuple(
        Leaf("ingest", "tcp", variant, "external", "eu-west-1", "eu-west-1a")
        for variant in ("", "ipv6")
    )
    run = Run()
    run.slots(10, of=of)
    opened = run.slots(3, lambda leaf: Fate.LOST if leaf.variant == "" else None, of=of)
    assert opened[0].alert.scope == ()


def test_nothing_expected_is_no_trouble() -> None:
    run = Run()
    assert run.slots(20, of=()) == []
    assert run.slots(20, agents=0) == []
