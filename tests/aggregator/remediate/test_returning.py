"""Why nodes come back, and when not yet."""

from __future__ import annotations

import pytest

from coalmine_aggregator.model.node_view import Verdict
from coalmine_aggregator.model.pin import PinState
from coalmine_aggregator.model.remediation_event import RemediationKind
from coalmine_aggregator.model.remediation_policy import RemediationPolicy
from coalmine_aggregator.remediate.board import hold_s
from coalmine_aggregator.remediate.turn import Controls
from tests.aggregator.remediate.pool_story import ACTS, PoolStory, loss, pin, pool

RESTORED = RemediationKind.RESTORED


def _one_out(count: int = 12, policy: RemediationPolicy = ACTS) -> PoolStory:
    story = pool(count, policy)
    story.fail("n03")
    story.run()
    assert story.out == ["n03"]
    return story


def test_not_before_its_hold_ends() -> None:
    story = _one_out()
    begun = story.now
    story.heal("n03")
    story.run(59)
    assert story.out == ["n03"]
    assert story.rails == {"n03": "hold"}
    assert story.told(RemediationKind.HELD) == [("n03", "hold")]
    story.run()
    assert story.now - begun == ACTS.hold_s
    assert story.out == []
    assert story.told(RESTORED) == [("n03", "")]


def test_not_before_it_is_well_for_long_enough() -> None:
    story = _one_out()
    story.run(100)
    story.become(Verdict.RECOVERING, "n03")
    story.run(20)
    story.become(Verdict.HEALTHY, "n03")
    story.run(9)
    assert story.out == ["n03"]
    story.run(1)
    assert story.out == []


def test_though_one_vantage_goes_on_to_see_it_broken() -> None:
    story = _one_out()
    story.run(100)
    story.heal("n03")
    story.verdicts["n03"] = Verdict.SUSPECT  # of whom a quorum goes on to hold it good
    story.run(29)
    assert story.out == ["n03"]
    story.run(1)
    assert story.told(RESTORED) == [("n03", "")]


def test_what_flaps_begins_its_recovery_anew() -> None:
    story = _one_out()
    for _ in range(20):
        story.heal("n03")
        story.run(29)
        story.become(Verdict.SUSPECT, "n03")
        story.run(3)
    assert story.out == ["n03"]


def test_nobody_goes_in_the_turn_in_which_it_came_back() -> None:
    story = _one_out()
    story.losses = [loss((("node", "n03"),))]
    story.run(1, step=ACTS.lease_s + 5.0)
    assert story.told(RESTORED) == [("n03", "stale")]
    assert story.out == []
    story.run()
    assert story.out == ["n03"]


def test_each_repeat_is_held_twice_as_long_up_to_the_longest() -> None:
    story = _one_out(policy=ACTS._replace(hold_s=40.0, max_hold_s=150.0))
    held: list[float] = []
    for _ in range(4):
        begun = story.now
        story.heal("n03")
        while story.out:
            story.run()
        held.append(story.now - begun)
        story.fail("n03")
        story.run()
        while not story.out:
            story.run()
    assert held == [40.0, 80.0, 150.0, 150.0]
    assert story.turn.wanted is not None
    assert [each.repeats for each in story.turn.wanted.out] == [4]


def test_repeats_are_forgotten_after_a_while() -> None:
    story = _one_out(policy=ACTS._replace(forget_s=100.0))
    story.heal("n03")
    story.run(60)
    assert story.out == []
    story.run(101)
    assert story.memory.past == {}
    story.fail("n03")
    story.run()
    assert story.turn.wanted is not None
    assert [each.repeats for each in story.turn.wanted.out] == [0]


def test_no_number_of_repeats_is_too_many() -> None:
    assert hold_s(ACTS, 1_000_000) == ACTS.max_hold_s
    assert hold_s(ACTS, 1) == 2 * ACTS.hold_s


def test_nobody_knows_anything_of_it_for_a_lease() -> None:
    story = _one_out()
    story.become(Verdict.UNKNOWN, "n03")
    story.run(int(ACTS.lease_s) - 1)
    assert story.out == ["n03"]
    story.run()
    assert story.told(RESTORED) == [("n03", "stale")]


def test_no_slot_settles_for_a_lease() -> None:
    story = _one_out()
    story.slots_settle = False
    story.run(int(ACTS.lease_s))
    assert story.told(RESTORED) == [("n03", "stale")]
    story.run()
    assert story.rails == {"n03": "stale"}


def test_nothing_was_said_for_a_lease() -> None:
    story = _one_out()
    story.run(step=ACTS.lease_s + 0.1)
    assert story.told(RESTORED) == [("n03", "stale")]


def test_no_quorum_for_the_longest_hold() -> None:
    story = _one_out(policy=ACTS._replace(max_hold_s=100.0))
    story.become(Verdict.SUSPECT, "n03")
    story.run(100)
    assert story.out == ["n03"]
    story.run()
    assert story.told(RESTORED) == [("n03", "quorum")]


def test_it_stays_out_while_a_quorum_holds_it_failed() -> None:
    story = _one_out()
    story.run(5_000)
    assert story.out == ["n03"]


def test_a_node_that_leaves_is_forgotten_within_a_lease() -> None:
    story = _one_out()
    story.remove("n03")
    story.run()
    assert story.out == []
    assert set(story.memory.out) == {"n03"}
    story.run(int(ACTS.lease_s))
    assert story.told(RESTORED) == [("n03", "stale")]
    story.run(int(ACTS.lease_s) + 1)
    assert (story.memory.out, story.memory.gone, story.memory.past) == ({}, {}, {})


def test_one_that_is_missing_for_a_moment_stays_out() -> None:
    story = _one_out()
    names = (story.zones["n03"], story.verdicts["n03"], story.since["n03"])
    story.remove("n03")
    story.run(3)
    story.add("n03")
    story.zones["n03"], story.verdicts["n03"], story.since["n03"] = names
    story.run()
    assert story.out == ["n03"]
    assert story.told(RESTORED) == []


class TestARosterThatShrinks:
    def test_brings_back_until_the_caps_hold(self) -> None:
        story = pool(40)
        for name in ("n01", "n02", "n03"):
            story.fail(name)
            story.run(31)
        assert story.out == ["n01", "n02", "n03"]
        story.become(Verdict.RECOVERING, "n02")
        story.remove(*(f"n{each}" for each in range(30, 40)))
        story.run()
        assert story.told(RESTORED) == []
        story.remove("n29")
        story.run()
        assert story.told(RESTORED) == [("n02", "most_of_service")]
        story.remove(*(f"n{each}" for each in range(12, 29)))
        story.run()
        assert story.told(RESTORED) == [("n02", "most_of_service"), ("n01", "most_of_service")]
        assert story.out == ["n03"]

    def test_of_each_zone_as_well(self) -> None:
        story = pool(40)
        story.zones = {name: "a" if name < "n20" else "b" for name in story.zones}
        for name in ("n01", "n02"):
            story.fail(name)
            story.run(31)
        assert story.out == ["n01", "n02"]
        story.remove("n10")
        story.run()
        assert story.told(RESTORED) == [("n01", "most_of_zone")]

    def test_and_the_floor_takes_pins_as_well(self) -> None:
        story = pool(5)
        story.controls = Controls(pins=(pin("n00", PinState.OUT), pin("n01", PinState.OUT)))
        story.run()
        story.fail("n02")
        story.run()
        assert story.out == ["n00", "n01"]
        story.remove("n04")
        story.run()
        assert story.out == ["n00", "n01"]
        story.remove("n03")
        story.run()
        assert story.told(RESTORED) == [("n00", "floor")]
        assert story.out == ["n01"]
        story.run()
        assert story.rails["n00"] == "floor"

    def test_to_nothing_is_no_news(self) -> None:
        story = _one_out()
        story.remove(*list(story.verdicts))
        story.run()
        assert story.turn.wanted is None
        assert story.told(RESTORED) == []


@pytest.mark.parametrize("gap_s", [1.0, 19.0])
def test_a_restart_goes_on_if_it_is_quick(gap_s: float) -> None:
    story = _one_out()
    story.restart(gap_s - 1)
    story.run()
    assert story.out == ["n03"]
    story.heal("n03")
    story.run(60)
    assert story.out == []


def test_what_is_not_seen_again_after_a_restart_comes_back() -> None:
    story = _one_out()
    story.restart()
    story.become(Verdict.UNKNOWN, "n03")
    story.run(int(ACTS.lease_s))
    assert story.told(RESTORED) == [("n03", "stale")]


def test_a_late_restart_finds_everybody_in() -> None:
    story = _one_out()
    story.restart(ACTS.lease_s + 1)
    story.run()
    assert story.out == []
    assert story.told(RESTORED) == [("n03", "stale")]
    story.run(int(ACTS.lease_s) - 1)
    assert story.rails == {"n03": "settling_in"}
