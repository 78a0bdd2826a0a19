"""An incident that became part of another leads there, if customers ever saw it."""

from __future__ import annotations

import itertools

import pytest

from coalmine_aggregator.model.incident import EntryKind, IncidentState
from coalmine_aggregator.status.compose import Inputs, Memory, compose
from coalmine_aggregator.status.record import id_of
from tests.aggregator.status.cases import CELLS, NOW, Story, plan, scope

PLAN = plan()


def merged(part: Story, whole: Story, after: float) -> None:
    """`part` is part of `whole` from then on, as the desk writes it."""
    affected = part.incident.affected
    part.add(EntryKind.MERGED, after, IncidentState.RESOLVED)
    part.but(merged_into=whole.incident.number, affected=(), impact=None)
    whole.add(EntryKind.MERGED, after)
    whole.but(affected=(*whole.incident.affected, *affected))


def story(number: int, protocol: str = "udp") -> Story:
    """One whose alerts are its own."""
    told = Story(scope(protocol=protocol), number=number)
    mine = tuple(each._replace(alert=each.alert + number) for each in told.incident.affected)
    told.entries = [
        entry._replace(alert=entry.alert + number) if entry.alert else entry for entry in told.entries
    ]
    return told.but(affected=mine)


def moved(*stories: Story, memory: Memory | None = None) -> dict[int, int]:
    site = compose(
        Inputs(PLAN, NOW + 90, NOW + 89, CELLS, incidents=tuple(each.recorded for each in stories)),
        memory,
    )
    numbers = {id_of(PLAN, each.incident.number): each.incident.number for each in stories}
    assert {old for old, _ in site.moved}.isdisjoint(each.id for each in site.incidents)
    return {numbers[old]: numbers[new] for old, new in site.moved}


def test_it_leads_to_the_last_that_took_it_over() -> None:
    first, second, third = story(1), story(2, "https"), story(3)
    merged(third, second, 20)
    assert moved(first, second, third) == {3: 2}
    merged(second, first, 40)
    assert moved(first, second, third) == {2: 1, 3: 1}


def test_of_what_customers_never_saw_nothing_is_told() -> None:
    whole = story(1)
    at_once, withheld, by_hand = story(2), story(3).withhold(5), Story((), by_hand=True, number=4)
    held = Story(scope(region="eu-1"), number=5).but(service="other")
    for part in (at_once, withheld, by_hand, held):
        merged(part, whole, 0 if part is at_once else 20)
    assert moved(whole, at_once, withheld, by_hand, held) == {}


def test_what_a_person_published_was_seen() -> None:
    whole, by_hand = story(1), Story((), by_hand=True, number=4).publish(5)
    merged(by_hand, whole, 20)
    assert moved(whole, by_hand) == {4: 1}


@pytest.mark.parametrize("hide", [True, False])
def test_it_leads_only_to_what_is_shown(hide: bool) -> None:
    whole, part = story(1), story(2)
    merged(part, whole, 20)
    memory = Memory()
    assert moved(whole, part, memory=memory) == {2: 1}
    if hide:
        whole.withhold(30)
    assert moved(whole, part, memory=memory) == ({} if hide else {2: 1})


def test_a_circle_leads_nowhere() -> None:
    one, other = story(3), story(4)
    merged(one, other, 20)
    merged(other, one, 20)
    assert moved(one, other) == {}


def test_long_ways_are_walked_once() -> None:
    stories = [story(number) for number in range(1, 2_001)]
    last = stories[-1]
    for part, whole in itertools.pairwise(stories):
        part.add(EntryKind.MERGED, 20, IncidentState.RESOLVED)
        part.but(merged_into=whole.incident.number)
    last.but(affected=tuple(each for one in stories for each in one.incident.affected))
    assert moved(*stories) == dict.fromkeys(range(1, 2_000), 2_000)
