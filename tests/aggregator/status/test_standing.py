"""How an incident stands with customers: what they see now, and what they would."""

from __future__ import annotations

import pytest

from coalmine_aggregator.model.incident import CellImpact, EntryKind, IncidentState
from coalmine_aggregator.status.components import Component
from coalmine_aggregator.status.record import tell
from coalmine_aggregator.status.standing import Standing, preview, standing
from tests.aggregator.status.cases import CELLS, HELD, HTTPS, NOW, UDP, Story, plan, scope


def stands(story: Story, *components: Component) -> Standing:
    return standing(story.incident, plan(*components).components, CELLS)


@pytest.mark.parametrize(
    ("story", "expected"),
    [
        (
            Story(()),
            Standing("Loss on UDP ingestion, HTTPS ingestion and Europe", (UDP, HTTPS), (HELD,)),
        ),
        (Story(scope(protocol="udp", region="us-1")), Standing("Loss on UDP ingestion", (UDP,))),
        (
            Story(()).publish(5),
            Standing("Loss on UDP ingestion, HTTPS ingestion and Europe", (UDP, HTTPS, HELD)),
        ),
        (Story(()).withhold(5), Standing("Loss on UDP ingestion, HTTPS ingestion and Europe")),
        (
            Story(scope(protocol="udp"), by_hand=True),
            Standing("Problem on UDP ingestion and Europe", (), (UDP, HELD)),
        ),
        (Story(()).but(public_title="All of it"), Standing("All of it", (UDP, HTTPS), (HELD,))),
        (
            Story(()).count(CellImpact("udp", "us-1", 5, 10, 10)),
            Standing("Loss on UDP ingestion", (UDP,)),
        ),
        (Story(()).but(service="_fleet"), Standing("Incident")),
        (Story(()).but(merged_into=3), Standing("Incident")),
        (Story(()).but(service="logs"), Standing("Incident")),
    ],
)
def test_shown_and_held(story: Story, expected: Standing) -> None:
    assert stands(story) == expected


def test_what_is_shown_is_what_the_page_says() -> None:
    """Invariant: both follow from the same timeline."""
    for story in (
        Story(()),
        Story(scope(protocol="udp")).close(60),
        Story(scope(region="eu-1")),
        Story(scope(region="eu-1")).publish(9),
        Story(()).withhold(9),
        Story(scope(protocol="udp"), by_hand=True),
    ):
        told = tell(story.recorded, plan(), CELLS)
        components = set() if told is None else set(told.told)
        assert set(stands(story).shown) == components, story.incident


def test_a_preview_is_what_publishing_shows() -> None:
    for story in (Story(()), Story(()).withhold(3), Story(scope(protocol="udp"), by_hand=True)):
        would = preview(story.incident, story.entries, plan(), CELLS, NOW + 7)
        told = tell(story.publish(7).recorded, plan(), CELLS)
        assert told is not None
        assert would == told.public


def test_what_customers_see_already_is_shown_as_it_is() -> None:
    story = Story(scope(protocol="udp", region="us-1")).close(60)
    story.add(EntryKind.STATE, 90, IncidentState.RESOLVED)
    told = tell(story.recorded, plan(), CELLS)
    assert told is not None
    assert preview(story.incident, story.entries, plan(), CELLS, NOW + 900) == told.public
    assert preview(story.but(service="_fleet").incident, story.entries, plan(), CELLS, NOW) is None
