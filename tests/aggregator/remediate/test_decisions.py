"""A turn as a whole: who goes, who is told of, in which modes."""

from __future__ import annotations

from time import process_time

from coalmine_aggregator.model.alerts import AlertClass, Severity
from coalmine_aggregator.model.node_view import Opinion, Verdict
from coalmine_aggregator.model.pin import PinState
from coalmine_aggregator.model.remediation_event import RemediationKind
from coalmine_aggregator.model.withdrawal import Mode, Phase
from coalmine_aggregator.remediate.decisions import decide
from coalmine_aggregator.remediate.turn import Balanced, Controls, Situation
from tests.aggregator.remediate.pool_story import ACTS, PoolStory, loss, pin, pool, sight, view

WITHDRAWN, RESTORED, HELD = RemediationKind.WITHDRAWN, RemediationKind.RESTORED, RemediationKind.HELD


def test_one_that_failed_is_drained_then_down_then_back() -> None:
    story = pool(12)
    story.fail("n03")
    story.run()
    wanted = story.turn.wanted
    assert wanted is not None
    assert wanted.mode is Mode.ACTING
    assert wanted.at == story.now
    assert len(wanted.nodes) == 12
    assert [(each.node, each.phase, each.repeats) for each in wanted.effective] == [
        ("n03", Phase.DRAIN, 0)
    ]
    assert "n03" not in wanted.serving
    story.run(9)
    assert story.phases == [Phase.DRAIN]
    story.run()
    assert story.phases == [Phase.DOWN]
    story.heal("n03")
    story.run(60)
    assert story.out == []
    assert story.told(WITHDRAWN, RESTORED) == [("n03", ""), ("n03", "")]


def test_what_was_known_is_told() -> None:
    story = pool(12)
    story.balanced = Balanced(12, 1)
    story.fail("n03")
    story.run()
    (event,) = story.events
    assert event.text == "it is failed"
    assert event.evidence == (
        "n03 (own): bad, 9 of 9 in 3 s, failing udp",
        "probe: bad, 9 of 9 in 3 s, failing udp",
        "it is failed",
        "open loss, node=n03: 100 of 100",
        "balanced series: 1 of 102 bad in 10 s",
        "1 of 12 nodes out, at most 1 may be",
    )


def test_evidence_has_its_bounds() -> None:
    story = pool(12)
    sights = [sight(f"probe-{each}", Opinion.BAD, story.slot) for each in range(50)]
    own = sight("n03", Opinion.BAD, story.slot, own=True)
    node = view("n03", Verdict.FAILED, sights=[*sights, own])._replace(text="x" * 5_000)
    nodes = [node, *(view(f"n{each}") for each in range(20, 31))]
    losses = [loss((("node", "n03"),), handle=str(each)) for each in range(50)]
    situation = Situation("ingest", story.now + 20, story.slot, nodes, losses, Balanced(0, 0))
    story.run(10)
    _, turn = decide(story.memory, situation, Controls(), ACTS, 0.001)
    (event,) = [each for each in turn.events if each.node == "n03"]
    assert len(event.evidence) <= 12
    assert max(len(line) for line in event.evidence) <= 300
    assert event.evidence[0].startswith("n03 (own)")
    assert len(event.text) <= 400


def test_the_one_that_failed_first_goes_first_then_by_name() -> None:
    story = pool(40)
    story.fail("n09")
    story.run(0)
    story.since["n09"] -= 1
    story.fail("n05", "n01")
    story.run()
    assert sorted(story.out) == ["n01", "n09"]
    assert story.rails == {"n05": "per_minute"}
    story.run(60)
    assert sorted(story.out) == ["n01", "n05", "n09"]


def test_a_service_without_nodes_has_no_news() -> None:
    story = pool(12)
    story.fail("n03")
    story.run()
    story.known = False
    story.run(3)
    assert story.turn.wanted is None
    assert story.told(HELD) == [("", "unknown_nodes")]
    story.known = True
    story.run()
    assert story.out == ["n03"]


def test_an_empty_roster_is_no_news_either() -> None:
    story = pool(12)
    situation = Situation("ingest", story.now + 1, story.slot, (), (), Balanced(0, 0))
    _, turn = decide(story.memory, situation, Controls(), ACTS, 0.001)
    assert turn.wanted is None


def test_what_nobody_knows_comes_back_within_a_lease() -> None:
    story = pool(12)
    story.fail("n03")
    story.run()
    story.known = False
    story.run(int(ACTS.lease_s) + 1)
    assert story.told(RESTORED) == [("n03", "stale")]
    assert story.memory.out == {}


def test_each_rail_is_told_once() -> None:
    story = pool(12)
    story.losses = []
    story.fail("n03")
    story.run(100)
    assert story.told(HELD) == [("n03", "scope")]
    story.become(Verdict.SUSPECT, "n04")
    story.losses = [loss((("node", "n03"),))]
    story.run(20)
    story.losses = []
    story.run(20)
    assert story.told(HELD) == [("n03", "scope"), ("n03", "many")]


def test_a_rail_is_told_anew_when_the_node_was_well_for_a_while() -> None:
    story = pool(12)
    story.losses = []
    for _ in range(2):
        story.fail("n03")
        story.run()
        story.heal("n03")
        story.run(31)
    assert story.told(HELD) == [("n03", "scope"), ("n03", "scope")]


def test_a_thousand_that_are_held_are_told_of_in_few_lines() -> None:
    story = PoolStory([f"n{each:04}" for each in range(1_000)])
    story.fail(*story.names(1_000))
    story.losses = []
    story.run()
    told = [each for each in story.events if each.kind is HELD]
    assert len(told) == 11
    assert told[-1].text == "990 more nodes"
    assert told[-1].node == ""
    assert len(story.rails) == 1_000
    story.run(5)
    assert len([each for each in story.events if each.kind is HELD]) == 11


def test_one_vantage_alone_is_held_by_the_quorum() -> None:
    story = pool(12)
    slot = int(story.now) - 2
    node = view("n03", Verdict.SUSPECT, sights=[sight("probe", Opinion.BAD, slot)])
    nodes = [node, *(view(f"n{each:02}") for each in range(12) if each != 3)]
    situation = Situation("ingest", story.now + 1, slot, nodes, (), Balanced(0, 0))
    _, turn = decide(story.memory, situation, Controls(), ACTS, 0.001)
    assert turn.wanted is not None
    assert [(each.node, each.rail) for each in turn.wanted.held] == [("n03", "quorum")]


def test_a_dry_run_decides_the_same_and_does_nothing() -> None:
    wet, dry = pool(12), pool(12, ACTS._replace(dry_run=True))
    for story in (wet, dry):
        story.fail("n03")
        story.run(40)
        story.heal("n03")
        story.run(60)
    assert wet.told(WITHDRAWN, RESTORED) == dry.told(WITHDRAWN, RESTORED)
    assert {each.dry_run for each in dry.events} == {True}
    assert {each.dry_run for each in wet.events} == {False}
    dry.fail("n04")
    dry.run()
    wanted = dry.turn.wanted
    assert wanted is not None
    assert wanted.mode is Mode.DRY_RUN
    assert [each.node for each in wanted.out] == ["n04"]
    assert wanted.effective == ()


def test_what_a_dry_run_decided_is_forgotten_when_it_ends() -> None:
    """Else all of it would be withdrawn in one second."""
    story = pool(12, ACTS._replace(dry_run=True))
    story.fail("n03")
    story.run()
    story.policy = ACTS
    story.restart()
    story.run()
    assert story.out == []
    assert story.rails == {"n03": "settling_in"}


def test_stopping_brings_everybody_back_and_holds_them() -> None:
    story = pool(12)
    story.fail("n03")
    story.run()
    story.controls = Controls(stopped_by="anna", stopped_why="no", holder=False)
    story.run()
    assert story.turn.wanted is not None
    assert story.turn.wanted.mode is Mode.STOPPED
    assert story.out == []
    assert story.told(RESTORED) == [("n03", "stopped")]
    story.run()
    assert story.rails == {"n03": "stopped"}
    story.controls = Controls(pins=(pin("n05", PinState.OUT),), stopped_by="anna")
    story.run()
    assert story.rails == {"n05": "stopped", "n03": "stopped"}


def test_who_stands_by_shows_what_the_holder_did_and_says_nothing() -> None:
    story = pool(12)
    story.fail("n03")
    story.run()
    before = len(story.events)
    story.controls = Controls(holder=False)
    story.run(5)
    assert story.turn.wanted is not None
    assert story.turn.wanted.mode is Mode.STANDBY
    assert story.out == ["n03"]
    assert story.turn.wanted.effective == ()
    story.fail("n07")
    story.run(20)
    assert story.out == []
    assert len(story.events) == before


class TestPins:
    def test_a_pin_takes_out_whoever_it_is_whatever_the_caps(self) -> None:
        story = pool(12)
        story.controls = Controls(pins=tuple(pin(f"n0{each}", PinState.OUT) for each in range(4)))
        story.run()
        assert story.out == ["n00", "n01", "n02", "n03"]
        wanted = story.turn.wanted
        assert wanted is not None
        assert {each.by for each in wanted.out} == {"anna"}
        assert story.told(WITHDRAWN)[0] == ("n00", "pinned")
        story.fail("n07")
        story.run()
        assert story.rails == {"n07": "many"}

    def test_the_floor_holds_pins(self) -> None:
        story = pool(4)
        story.controls = Controls(pins=tuple(pin(f"n0{each}", PinState.OUT) for each in range(4)))
        story.run()
        assert story.out == ["n00", "n01"]
        assert story.rails == {"n02": "floor", "n03": "floor"}

    def test_they_wait_while_it_is_not_known_who_is_out(self) -> None:
        story = PoolStory(["a", "b", "c", "d"], settled=False)
        story.controls = Controls(pins=(pin("a", PinState.OUT),))
        story.run()
        assert story.rails == {"a": "floor"}
        story.run(20)
        assert story.out == ["a"]

    def test_a_released_one_comes_back(self) -> None:
        story = pool(12)
        story.controls = Controls(pins=(pin("n03", PinState.OUT),))
        story.run(500)
        assert story.out == ["n03"]
        story.controls = Controls()
        story.run()
        assert story.out == []
        assert story.told(RESTORED) == [("n03", "pinned")]

    def test_one_that_coalmine_withdrew_stays_out_when_it_is_released(self) -> None:
        story = pool(12)
        story.fail("n03")
        story.run()
        story.controls = Controls(pins=(pin("n03", PinState.OUT),))
        story.run()
        assert story.turn.wanted is not None
        assert story.turn.wanted.out[0].by == "anna"
        story.heal("n03")
        story.run(200)
        assert story.out == ["n03"]
        story.fail("n03")
        story.controls = Controls()
        story.run()
        assert story.out == ["n03"]
        assert [each.by for each in story.turn.wanted.out] == [""]
        story.heal("n03")
        story.run(31)
        assert story.out == []

    def test_one_that_is_pinned_in_comes_back_and_stays(self) -> None:
        story = pool(12)
        story.fail("n03")
        story.run()
        story.controls = Controls(pins=(pin("n03", PinState.IN),))
        story.run()
        assert story.told(RESTORED) == [("n03", "pinned")]
        story.run(100)
        assert story.out == []
        assert story.rails == {"n03": "pinned"}

    def test_a_pin_of_another_service_or_of_no_node_is_nothing(self) -> None:
        story = pool(12)
        other = pin("n03", PinState.OUT)._replace(service="logs")
        story.controls = Controls(pins=(other, pin("gone", PinState.OUT)))
        story.run()
        assert story.out == []

    def test_slots_that_do_not_settle_change_nothing_for_a_pin(self) -> None:
        story = pool(12)
        story.controls = Controls(pins=(pin("n03", PinState.OUT),))
        story.run()
        story.slots_settle = False
        story.run(100)
        assert story.out == ["n03"]
        assert story.told(RESTORED) == []


class TestFreezes:
    def test_many_that_failed_freeze_after_three_seconds(self) -> None:
        story = pool(12)
        story.fail("n01", "n02")
        story.run(3)
        assert story.turn.findings == []
        assert story.rails == {"n01": "many", "n02": "many"}
        story.run()
        (found,) = story.turn.findings
        assert found.alert_class is AlertClass.REMEDIATION_FREEZE
        assert found.severity is Severity.PAGE
        assert (found.handle, found.scope, found.since) == ("freeze", (), int(story.now))
        assert found.note == "2 of 12 nodes have failed, and at most 1 may be out: nobody is withdrawn"
        assert story.told(RemediationKind.FROZEN) == [("", "many")]
        assert story.turn.wanted is not None
        assert story.turn.wanted.frozen == found.note

    def test_it_ends_thirty_seconds_after(self) -> None:
        story = pool(12)
        story.fail("n01", "n02")
        story.run(4)
        story.heal("n02")
        story.run(30)
        assert story.rails == {"n01": "many"}
        assert len(story.turn.findings) == 1
        story.run()
        assert story.turn.findings == []
        assert story.told(RemediationKind.THAWED) == [("", "")]
        assert story.out == ["n01"]

    def test_it_returns_nobody(self) -> None:
        story = pool(12)
        story.fail("n01")
        story.run()
        story.fail("n02", "n03")
        story.run(100)
        assert story.out == ["n01"]
        assert len(story.turn.findings) == 1

    def test_a_suspect_that_a_quorum_holds_good_holds_nobody(self) -> None:
        story = pool(6)
        story.verdicts["n02"] = Verdict.SUSPECT  # one vantage goes on to see it broken
        story.fail("n03")
        story.run()
        assert story.out == ["n03"]

    def test_suspects_hold_silently(self) -> None:
        story = pool(12)
        story.fail("n01")
        story.become(Verdict.SUSPECT, "n02", "n03", "n04")
        story.run(100)
        assert story.out == []
        assert story.turn.findings == []
        assert story.rails == {"n01": "many"}

    def test_a_dry_run_wakes_nobody(self) -> None:
        story = pool(12, ACTS._replace(dry_run=True))
        story.fail("n01", "n02")
        story.run(4)
        assert [each.severity for each in story.turn.findings] == [Severity.TICKET]

    def test_what_people_pinned_out_is_no_crowd(self) -> None:
        story = pool(12)
        story.controls = Controls(pins=(pin("n01", PinState.OUT), pin("n02", PinState.OUT)))
        story.fail("n01", "n02")
        story.run(100)
        assert story.turn.findings == []

    def test_it_survives_a_restart(self) -> None:
        story = pool(12)
        story.fail("n01", "n02")
        story.run(4)
        since = story.turn.findings[0].since
        story.restart()
        story.run()
        assert [each.since for each in story.turn.findings] == [since]
        assert len(story.told(RemediationKind.FROZEN)) == 1


def test_a_bad_memory_is_an_empty_one_and_told() -> None:
    story = PoolStory(["a", "b", "c"], memory="{", settled=False)
    story.run()
    (event,) = story.events
    assert event.kind is HELD
    assert "cannot be read" in event.text
    story.run()
    assert len(story.events) == 1


def test_a_thousand_nodes_cost_little() -> None:
    """Nothing tight: CPU seconds of a turn in which all is well, on whatever machine."""
    story = PoolStory([f"n{each:04}" for each in range(1_000)])
    situation = story.situation()
    memory = story.memory
    begun = process_time()
    for _ in range(50):
        decide(memory, situation, Controls(), ACTS, 0.001)
    assert (process_time() - begun) / 50 < 0.05
