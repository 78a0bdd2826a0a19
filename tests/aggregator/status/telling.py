"""What customers are told of a story."""

from __future__ import annotations

from coalmine_aggregator.model.incident import IncidentState
from coalmine_aggregator.status.plan import Plan
from coalmine_aggregator.status.record import Told, tell
from coalmine_aggregator.status.site import PublicIncident
from tests.aggregator.status.cases import CELLS, NOW, Story, plan


def seen(story: Story, page: Plan | None = None) -> Told:
    told = tell(story.recorded, page or plan(), CELLS)
    assert told is not None
    return told


def public(story: Story, page: Plan | None = None) -> PublicIncident:
    return seen(story, page).public


def bodies(story: Story) -> list[tuple[float, IncidentState, str]]:
    """The updates, the oldest first."""
    return [(each.at - NOW, each.state, each.body) for each in reversed(public(story).updates)]
