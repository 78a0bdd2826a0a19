"""How far a loss reaches, as alerts tell it."""

from __future__ import annotations

from coalmine_aggregator.model.alerts import Change, Reach
from coalmine_aggregator.model.explanation import SELF_CHECK
from tests.aggregator.fleet import T
from tests.aggregator.judge.story import Story, fleet, in_zones, losing, on_hosts


def test_a_loss_everywhere_reaches_every_region_and_host() -> None:
    story = Story(fleet())
    story.run(range(T + 1, T + 30))
    story.run(range(T + 30, T + 40), losing(lambda canary, endpoint: True))
    [alert] = story.engine.open_alerts()
    assert alert.reach == (Reach("region", 2, 2), Reach("host", 12, 12))


def test_a_zone_s_loss_counts_its_hosts_alone() -> None:
    story = Story(fleet())
    story.run(range(T + 1, T + 30))
    story.run(range(T + 30, T + 40), losing(in_zones("z1")))
    [alert] = story.engine.open_alerts()
    assert dict(alert.scope)["zone"] == "z1"
    assert alert.reach == (Reach("host", 3, 3),)


def test_hosts_that_are_touched_later_are_counted_later() -> None:
    story = Story(fleet())
    story.run(range(T + 1, T + 30))
    first = ("z0-0", "z0-1", "z1-0", "z1-1", "z2-0", "z2-1", "z3-0", "z3-1")
    story.run(range(T + 30, T + 36), losing(on_hosts(first)))
    before = max(each.affected for alert in story.engine.open_alerts() for each in alert.reach)
    assert before < 12
    story.run(range(T + 36, T + 50), losing(lambda canary, endpoint: True))
    wide = [alert for alert in story.engine.open_alerts() if not alert.scope]
    assert wide, [alert.scope for alert in story.engine.open_alerts()]
    assert wide[0].reach[-1] == Reach("host", 12, 12)


def test_without_a_control_agent_no_proof_is_told() -> None:
    story = Story(fleet())
    story.run(range(T + 1, T + 30))
    story.run(range(T + 30, T + 36), losing(in_zones("z1")))
    opened = [told for _, told in story.told if told.change is Change.OPENED]
    assert opened
    assert all(SELF_CHECK not in dict(each.explanation.facts) for each in opened)
