"""What waits for a person's word."""

from __future__ import annotations

from coalmine_aggregator.model.incident import CellImpact
from coalmine_aggregator.status.approval import held_back
from coalmine_aggregator.status.components import Component
from tests.aggregator.status.cases import CELLS, HELD, HTTPS, UDP, Story, plan, scope


def waiting(story: Story, *components: Component) -> tuple[Component, ...] | None:
    return held_back(story.incident, plan(*components).components, CELLS)


def test_held_components_wait_and_automatic_ones_do_not() -> None:
    assert waiting(Story(())) == (HELD,)
    assert waiting(Story(scope(region="us-1"))) is None
    assert waiting(Story(()), UDP) is None


def test_what_people_opened_waits_whatever_it_touches() -> None:
    assert waiting(Story(scope(protocol="https"), by_hand=True)) == (HTTPS, HELD)
    assert waiting(Story(by_hand=True)) == ()


def test_once_a_person_decided_nothing_waits() -> None:
    assert waiting(Story(()).publish(5)) is None
    assert waiting(Story(()).withhold(5)) is None
    assert waiting(Story(()).but(merged_into=3)) is None


def test_what_is_of_no_component_never_waits() -> None:
    assert waiting(Story((), by_hand=True).but(service="logs")) is None
    assert waiting(Story(()).count(CellImpact("udp", "us-1", 5, 10, 10))) is None
