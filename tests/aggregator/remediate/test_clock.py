"""Clocks that are set, machines that stand still, holders that change."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from coalmine_aggregator.model.pin import PinState
from coalmine_aggregator.model.remediation_event import RemediationKind
from coalmine_aggregator.remediate.memory import Out, adopt, decode, encode
from coalmine_aggregator.remediate.turn import Controls
from tests.aggregator.remediate.pool_story import ACTS, PoolStory, pin, pool

RESTORED = RemediationKind.RESTORED


def _one_out() -> PoolStory:
    story = pool(40)
    story.fail("n03")
    story.run()
    assert story.out == ["n03"]
    return story


@pytest.mark.parametrize("back_s", [1.0, 100.0, 1e6])
def test_a_clock_that_goes_back_stands_still(back_s: float) -> None:
    story = _one_out()
    story.run(50)
    story.now -= back_s
    story.heal("n03")
    story.good_since["n03"] = int(story.now) - 100
    story.run(8)
    assert story.out == ["n03"]
    story.run(4)
    assert story.out == []


def test_a_clock_that_goes_forward_frees_nobody_to_withdraw_more() -> None:
    story = _one_out()
    story.fail("n04")
    story.run()
    story.now += 15
    story.fail("n05")
    for _ in range(25):
        story.run(step=2)
        assert len(story.out) <= 2
    assert story.rails == {"n05": "per_minute"}


def test_a_jump_ends_what_is_out() -> None:
    story = _one_out()
    story.now += 1_000
    story.run()
    assert story.told(RESTORED) == [("n03", "stale")]


@pytest.mark.parametrize("shift_s", [-1e9, 1e9])
def test_times_of_elsewhere_pass_as_well(shift_s: float) -> None:
    """A store with a clock of its own, or a text that somebody wrote."""
    story = pool(12)
    at = story.now + shift_s
    out = Out(since=1e300, hold_until=1e300, known_at=1e300, failed_at=1e300)
    memory = replace(story.memory, at=at, out={"n03": out}, recent=[1e300] * 5, frozen_since=1e300)
    story.memory = decode(encode(memory))
    story.run(int(ACTS.max_hold_s) + 30)
    story.fail("n05")
    story.run()
    assert story.out == ["n05"]
    assert story.turn.findings == []


def _pair() -> tuple[PoolStory, PoolStory]:
    """The first holds the lease, and one node of forty is out."""
    first, second = _one_out(), PoolStory([f"n{each:02}" for each in range(40)], settled=False)
    second.controls = Controls(holder=False)
    second.fail("n03")
    second.run(22)
    second.now = first.now
    second.memory = adopt(second.memory, decode(encode(first.memory)))
    second.run()
    return first, second


class TestATakeover:
    def test_goes_on_from_what_the_other_did(self) -> None:
        first, second = _pair()
        second.controls = Controls()
        second.run(2)
        assert second.out == ["n03"]
        assert second.turn.wanted is not None
        assert first.turn.wanted is not None
        assert second.turn.wanted.out[0].since == pytest.approx(first.turn.wanted.out[0].since, abs=1.0)

    def test_withdraws_nobody_for_a_lease_and_a_minute(self) -> None:
        _, second = _pair()
        second.controls = Controls()
        second.fail("n05")
        second.run(int(ACTS.lease_s))
        assert second.rails == {"n05": "standby"}
        second.run(40)
        assert second.rails == {"n05": "per_minute"}
        second.run()
        assert second.out == ["n03", "n05"]

    def test_pins_wait_for_a_lease(self) -> None:
        _, second = _pair()
        second.controls = Controls(pins=(pin("n07", PinState.OUT),))
        second.run(20)
        assert second.rails == {"n07": "floor"}
        second.run()
        assert second.out == ["n03", "n07"]

    def test_late_is_as_if_nobody_were_out(self) -> None:
        _, second = _pair()
        second.run(int(ACTS.lease_s))
        second.controls = Controls()
        second.run()
        assert second.out == []
        assert second.told(RESTORED) == [("n03", "stale")]

    def test_of_one_whose_clock_is_ahead(self) -> None:
        first, second = _pair()
        second.memory = adopt(second.memory, decode(encode(first.memory)))
        second.now -= 10
        second.controls = Controls()
        second.run()
        assert second.out == ["n03"]
        assert second.memory.out["n03"].since <= second.now


def test_a_quick_restart_counts_what_nobody_may_have_written_down() -> None:
    story = pool(40)
    story.restart()
    story.fail("n03")
    story.run(60)
    assert story.rails == {"n03": "per_minute"}
    story.run()
    assert story.out == ["n03"]


def test_a_late_one_does_not() -> None:
    story = pool(40)
    story.restart(120.0)
    story.fail("n03")
    story.run(22)
    assert story.out == ["n03"]
