"""A withdrawal must help."""

from __future__ import annotations

import pytest

from coalmine_aggregator.model.alerts import AlertClass, Severity
from coalmine_aggregator.model.pin import PinState
from coalmine_aggregator.model.remediation_event import RemediationKind
from coalmine_aggregator.model.remediation_policy import RemediationPolicy
from coalmine_aggregator.remediate.balance import still_accepted
from coalmine_aggregator.remediate.turn import Balanced, Controls
from tests.aggregator.remediate.pool_story import ACTS, PoolStory, pin, pool

VERIFIED, REVERTED, WITHDRAWN = (
    RemediationKind.VERIFIED,
    RemediationKind.REVERTED,
    RemediationKind.WITHDRAWN,
)
MOST = int(ACTS.verify_s)


def _one_out(bad: int, policy: RemediationPolicy = ACTS, count: int = 12) -> PoolStory:
    story = pool(count, policy)
    story.balanced = Balanced(12, bad)
    story.run(10)
    story.fail("n03")
    story.run()
    assert story.out == ["n03"]
    return story


def test_a_loss_that_falls_by_half_proves_it() -> None:
    story = _one_out(6)
    story.balanced = Balanced(12, 3)
    story.run(20)
    assert story.told(VERIFIED, REVERTED) == [("n03", "")]
    assert story.events[-1].kind is VERIFIED
    assert story.events[-1].text.startswith("loss has fallen: 25.0% of balanced datapoints after 1")
    story.balanced = Balanced(12, 6)
    story.run(100)
    assert story.out == ["n03"]


def test_ten_slots_that_began_since_are_needed() -> None:
    story = _one_out(6)
    story.balanced = Balanced(12, 0)
    story.run(11)
    assert story.told(VERIFIED) == []
    story.run(3)
    assert story.told(VERIFIED) == [("n03", "")]


def test_a_loss_that_stays_returns_the_node_and_wakes_people() -> None:
    story = _one_out(6)
    story.run(MOST - 1)
    assert story.out == ["n03"]
    story.run()
    assert story.out == []
    assert story.told(VERIFIED, REVERTED) == [("n03", "")]
    (found,) = story.turn.findings
    assert found.alert_class is AlertClass.REMEDIATION_REVERT
    assert found.severity is Severity.PAGE
    assert (found.handle, found.scope, found.since) == ("n03", (("node", "n03"),), int(story.now))
    assert found.note == (
        "n03 was withdrawn and returned: loss has not fallen: 50.0% of balanced datapoints after 60 s,"
        " 50.0% before"
    )


def test_it_is_left_in_for_the_longest_hold_then() -> None:
    story = _one_out(6)
    story.run(MOST)
    begun = story.now
    story.run(int(ACTS.lease_s) + 1)
    assert story.rails == {"n03": "hold"}
    while "n03" not in story.out:
        story.run()
    assert story.now - begun == ACTS.max_hold_s


def test_people_are_told_for_ten_minutes() -> None:
    story = _one_out(6)
    story.run(MOST)
    handles = {each.handle for each in story.turn.findings}
    story.restart()
    story.run(598)
    assert {each.handle for each in story.turn.findings} == handles == {"n03"}
    story.run()
    assert story.turn.findings == []


def test_or_until_somebody_pins_the_node() -> None:
    story = _one_out(6)
    story.run(MOST)
    story.controls = Controls(pins=(pin("n03", PinState.IN),))
    story.run()
    assert story.turn.findings == []
    story.controls = Controls()
    story.run()
    assert story.turn.findings == []


@pytest.mark.parametrize(
    ("balanced", "checked"),
    [
        (Balanced(12, 0), False),
        (Balanced(100, 2), False),  # 2 %
        (Balanced(100, 3), True),
        (Balanced(1, 1), False),  # 10 judged
        (Balanced(2, 2), True),
        (Balanced(0, 0), False),
    ],
)
def test_only_a_significant_loss_is_checked(balanced: Balanced, checked: bool) -> None:
    story = pool(12)
    story.balanced = balanced
    story.run(10)
    story.fail("n03")
    story.run()
    assert story.out == ["n03"]
    assert (set(story.memory.checks) == {"n03"}) is checked


def test_a_loss_that_began_with_the_failure_counts_in_full() -> None:
    """Three of the last ten slots were all bad: half of that is not the mean of ten."""
    story = pool(12)
    story.run(7)
    story.balanced = Balanced(12, 12)
    story.run(2)
    story.fail("n03")
    story.run()
    assert story.memory.checks["n03"].loss == 1.0


def test_where_nothing_is_judged_it_is_waited_for() -> None:
    story = _one_out(6)
    story.balanced = Balanced(0, 0)
    story.run(2 * MOST)
    assert story.told(VERIFIED, REVERTED) == []
    assert story.out == ["n03"]
    story.balanced = Balanced(12, 6)
    story.run(2)
    assert story.told(VERIFIED, REVERTED) == [("n03", "")]
    assert story.out == []


def test_a_dry_run_has_nothing_to_show() -> None:
    story = _one_out(6, ACTS._replace(dry_run=True))
    story.run(2 * MOST)
    assert story.out == ["n03"]
    assert story.told(VERIFIED, REVERTED) == []


def test_others_that_failed_have_their_share() -> None:
    story = pool(40, ACTS._replace(per_minute=1))
    story.balanced = Balanced(40, 8)
    story.run(10)
    story.fail("n03", "n04")
    story.run()
    assert story.out == ["n03"]
    story.balanced = Balanced(40, 5)  # less than three quarters of it
    story.run(20)
    assert story.told(VERIFIED) == [("n03", "")]
    assert still_accepted(0.2, 1) == pytest.approx(0.15)
    assert still_accepted(0.2, 0) == pytest.approx(0.1)


def test_a_pinned_one_needs_no_proof() -> None:
    story = _one_out(6)
    story.controls = Controls(pins=(pin("n03", PinState.OUT),))
    story.run(2 * MOST)
    assert story.out == ["n03"]
    assert story.told(VERIFIED, REVERTED) == []


def test_it_goes_on_over_a_restart() -> None:
    story = _one_out(6)
    story.restart()
    story.run(MOST)
    assert story.told(VERIFIED, REVERTED) == [("n03", "")]
    assert len(story.turn.findings) == 1
