"""What was withheld for a while is shown again without a word that says nothing."""

from __future__ import annotations

from coalmine_aggregator.model.incident import EntryKind, IncidentState
from coalmine_aggregator.model.scopes import scope_of
from coalmine_aggregator.status.record import tell
from tests.aggregator.status.cases import CELLS, Story, plan
from tests.aggregator.status.cases import UDP as AUTOMATIC

UDP = scope_of({"protocol": "udp"})


def bodies(story: Story) -> list[str]:
    told = tell(story.recorded, plan(AUTOMATIC), CELLS)
    assert told is not None
    return [each.body for each in reversed(told.public.updates)]


def test_where_nothing_changed_nothing_is_said() -> None:
    story = Story(UDP)
    story.add(EntryKind.UPDATE, 60, public="We found the cause.")
    before = bodies(story)
    story.withhold(90)
    story.publish(120)
    assert bodies(story) == before
    assert all(before)


def test_what_changed_meanwhile_is_said_at_once() -> None:
    story = Story(UDP)
    before = bodies(story)
    story.withhold(90)
    story.add(EntryKind.STATE, 100, state=IncidentState.IDENTIFIED)
    story.publish(120)
    assert bodies(story)[: len(before)] == before
    assert len(bodies(story)) == len(before) + 1
