"""Duplicates and late arrivals: tickets where they are, quiet where a loss alert says it already."""

from __future__ import annotations

import pytest

from coalmine_aggregator.model.alerts import AlertClass, Change, Severity
from coalmine_aggregator.model.fates import Fate
from tests.aggregator.fleet import Canary, T
from tests.aggregator.judge.story import End, Story, fleet, in_zones, losing

DUPLICATES, LATE = AlertClass.DUPLICATES, AlertClass.LATE


def twice(story: Story, slots: range, zone: str) -> None:
    for slot in slots:
        for canary in story.canaries:
            if canary.zone == zone:
                story.at.receive(canary.names(), slot, arrived=slot + 0.2)
        story.run([slot])


def test_what_arrives_twice_is_one_ticket_that_closes() -> None:
    story = Story(fleet())
    story.run(range(T + 1, T + 20))
    twice(story, range(T + 20, T + 40), "z1")
    (opened,) = [each.alert for each in story.of(DUPLICATES) if each.change is Change.OPENED]
    assert (dict(opened.scope), opened.severity) == ({"zone": "z1"}, Severity.TICKET)
    assert opened.since == T + 20
    story.run(range(T + 40, T + 70))
    assert [each.change for each in story.of(DUPLICATES)][-1] is Change.CLOSED
    assert story.pages() == []
    assert story.engine.open_alerts() == []


def late(story: Story, slots: range, zone: str) -> None:
    """Datapoints of a zone come five seconds late; their agents report as ever."""

    def course(canary: Canary, endpoint: int, slot: int) -> End:
        return Fate.LOST if canary.zone == zone else Fate.DELIVERED

    for slot in slots:
        for canary in story.canaries:
            if canary.zone == zone and slot - 5 >= slots[0]:
                story.at.receive(canary.names(), slot - 5, arrived=slot + 0.1)
        story.run([slot], course)


def test_what_comes_late_in_the_scope_of_a_loss_is_no_ticket_beside() -> None:
    story = Story(fleet())
    story.run(range(T + 1, T + 20))
    late(story, range(T + 20, T + 60), "z1")
    (page,) = story.pages()
    assert page.alert_class is AlertClass.LOSS
    assert story.open()[0].effect == "late"
    assert story.of(LATE) == []
    story.run(range(T + 60, T + 90))
    assert story.open() == []
    assert story.of(LATE) == []


def test_what_was_silent_and_turns_out_late_is_a_ticket() -> None:
    """Receipts after the slot settled, reports later still: nothing was ever judged lost."""
    canaries = fleet()
    story = Story(canaries)
    story.run(range(T + 1, T + 20))
    mute = in_zones("z1")
    story.run(range(T + 20, T + 28), lambda c, e, s: None if mute(c, e) else Fate.DELIVERED)
    for slot in range(T + 20, T + 25):
        for canary in canaries:
            if canary.zone == "z1":
                story.at.receive(canary.names(), slot, arrived=T + 28.1)
                story.engine.report(canary.report([slot]), T + 28.2)
    story.run(range(T + 28, T + 32))
    told = [each.alert.alert_class for _, each in story.told]
    assert told  # late datapoints are bad ones, so that it is a loss, or late ones
    assert set(told) <= {LATE, AlertClass.LOSS}
    story.run(range(T + 32, T + 120))
    assert story.engine.open_alerts() == []


@pytest.mark.parametrize("turns", [1, 3])
def test_single_duplicates_say_nothing(turns: int) -> None:
    story = Story(fleet())
    for turn in range(turns):
        first = T + 1 + 40 * turn
        story.at.receive(story.canaries[turn].names()[:1], first, arrived=first + 0.2)
        story.run(range(first, first + 40))
    assert story.told == []


def test_duplicates_cost_nothing_while_there_are_none() -> None:
    story = Story(fleet())
    story.run(range(T + 1, T + 20), losing(in_zones("z0")))
    assert story.service.shares[DUPLICATES].watch.history.last == 0
