"""What customers see of an incident that people hold back, open by hand, publish or merge."""

from __future__ import annotations

import pytest

from coalmine_aggregator.model.alerts import AlertClass
from coalmine_aggregator.model.incident import (
    Affected,
    CellImpact,
    EntryKind,
    IncidentState,
)
from coalmine_aggregator.model.scopes import Scope
from coalmine_aggregator.status import record
from coalmine_aggregator.status.components import Component
from coalmine_aggregator.status.record import tell
from coalmine_aggregator.status.site import Grade
from coalmine_aggregator.status.touching import Touching
from tests.aggregator.status.cases import CELLS, HELD, HTTPS, NOW, Story, plan, scope
from tests.aggregator.status.telling import bodies, public, seen


def test_a_held_component_waits_for_a_person() -> None:
    held_alone = plan(HELD)
    story = Story(scope(region="eu-1"))
    story.add(EntryKind.NOTE, 30, who="anna")
    assert tell(story.recorded, held_alone, CELLS) is None
    story.publish(600)
    found = public(story, held_alone)
    assert [(each.at - NOW, each.body) for each in found.updates] == [
        (600, "Datapoints to Europe are being lost. We are investigating.")
    ]
    assert (found.started_at, found.created_at) == (NOW, NOW + 600)


def test_a_held_component_joins_those_that_are_shown_when_it_is_published() -> None:
    story = Story(scope(protocol="udp"))
    assert public(story).components == ("udp",)
    story.publish(60)
    assert public(story).components == ("udp", "eu")
    assert [body for _, _, body in bodies(story)][1:] == ["Affected as well: Europe."]


def test_what_was_published_when_it_was_over_is_told_with_its_components() -> None:
    story = Story(scope(region="eu-1")).count(CellImpact("udp", "eu-1", 50, 100, 100), seconds=10)
    story.close(10).add(EntryKind.STATE, 610, IncidentState.RESOLVED).publish(9_000)
    found = public(story, plan(HELD))
    assert found.components == ("eu",)
    (update,) = found.updates
    assert update.body == (
        "Datapoints to Europe were lost. This incident is resolved. 50 % of the datapoints that "
        "measure the affected part of Europe were lost on 28 November 2026 between 03:12:00 and "
        "03:12:10 UTC: 50 of 100."
    )
    assert update.changes == ()


def test_opened_by_hand_it_waits_for_a_person_and_says_what_that_one_wrote() -> None:
    story = Story(scope(protocol="udp"), by_hand=True)
    story.add(EntryKind.UPDATE, 30, public="Some lines\nare <b>slow</b>.", who="anna")
    assert tell(story.recorded, plan(), CELLS) is None
    story.publish(60)
    assert bodies(story) == [(60, IncidentState.INVESTIGATING, "Some lines\nare <b>slow</b>.")]
    assert public(story).name == "Problem on UDP ingestion and Europe"
    assert public(story.but(public_title=" Slow lines ")).name == "Slow lines"
    assert public(story).grade is Grade.MINOR


def test_opened_by_hand_it_touches_what_people_say_even_where_nothing_was_lost() -> None:
    story = Story(scope(protocol="udp"), by_hand=True).publish(10)
    story.count(CellImpact("https", "us-1", 5, 10, 10), CellImpact("udp", "us-1", 0, 10, 10))
    assert public(story).components == ("udp", "eu")


def test_opened_by_hand_it_says_what_is_measured_alone_until_it_is_published() -> None:
    story = Story(scope(protocol="https"), by_hand=True).but(public_title="Slow lines")
    story.add(EntryKind.UPDATE, 10, public="A draft.", who="anna")
    taken = Affected(55, scope(protocol="udp"), int(NOW), None, AlertClass.LOSS)
    story.but(affected=(*story.incident.affected, taken)).add(EntryKind.MERGED, 40)
    assert public(story).name == "Loss on UDP ingestion"
    assert [(at, body) for at, _, body in bodies(story)] == [
        (40, "Datapoints to UDP ingestion are being lost. We are investigating.")
    ]
    story.publish(60)
    assert public(story).name == "Slow lines"
    assert [(at, body) for at, _, body in bodies(story)][1:] == [(60, "A draft.")]
    assert public(story).components == ("udp", "https", "eu")


def test_without_a_scope_it_is_told_without_components() -> None:
    story = Story(by_hand=True).publish(10)
    assert public(story).components == ()
    assert public(story).name == "Incident"
    assert bodies(story) == [
        (10, IncidentState.INVESTIGATING, "There is a problem. We are investigating.")
    ]


def test_withheld_it_is_seen_nowhere_and_goes_on_when_it_is_published() -> None:
    story = Story(scope(protocol="udp")).withhold(60)
    assert tell(story.recorded, plan(), CELLS) is None
    story.add(EntryKind.UPDATE, 90, public="Written meanwhile.", who="anna").publish(120)
    assert [(at, body) for at, _, body in bodies(story)] == [
        (0, "Datapoints to UDP ingestion are being lost. We are investigating."),
        (120, "Written meanwhile."),
    ]


@pytest.mark.parametrize("alert_class", [each for each in AlertClass if each is not AlertClass.LOSS])
def test_only_loss_is_for_customers(alert_class: AlertClass) -> None:
    affected = (Affected(100, (), int(NOW), None, alert_class),)
    story = Story(()).but(affected=affected).publish(10)
    assert tell(story.recorded, plan(), CELLS) is None


def test_incidents_of_other_services_are_not_of_this_page() -> None:
    for service in ("logs", "_control", "_fleet"):
        assert (
            tell(Story((), by_hand=True).but(service=service).publish(5).recorded, plan(), CELLS)
            is None
        )


def test_merged_it_is_told_by_the_other_which_takes_over_what_it_affected() -> None:
    gone = Story(scope(protocol="udp")).but(merged_into=7)
    assert tell(gone.recorded, plan(), CELLS) is None
    other = Story(scope(protocol="https"))
    taken = Affected(55, scope(protocol="udp"), int(NOW), None, AlertClass.LOSS)
    other.but(affected=(*other.incident.affected, taken)).add(EntryKind.MERGED, 40)
    assert public(other).components == ("udp", "https")
    assert [body for _, _, body in bodies(other)][1:] == ["Affected as well: UDP ingestion."]
    other.add(EntryKind.ALERT_CLOSED, 60, alert=55, scope=scope(protocol="udp"))
    assert seen(other).touched == {HTTPS}
    assert [(at, body) for at, _, body in bodies(other)][1:] == [
        (40, "Affected as well: UDP ingestion."),
        (60, "As usual again: UDP ingestion."),
    ]


def test_what_was_over_when_it_was_taken_over_is_told_of_without_an_update() -> None:
    story = Story(scope(protocol="https"))
    over = Affected(55, scope(protocol="udp"), int(NOW), int(NOW) + 20, AlertClass.LOSS)
    story.but(affected=(over, *story.incident.affected)).add(EntryKind.MERGED, 40)
    assert public(story).components == ("udp", "https")
    assert len(bodies(story)) == 1


def test_what_is_taken_over_later_is_not_told_of_before_it_began() -> None:
    story = Story(scope(protocol="https"))
    later = Affected(55, scope(protocol="udp"), int(NOW) + 60, None, AlertClass.LOSS)
    story.but(affected=(*story.incident.affected, later))
    story.add(EntryKind.MERGED, 40).add(EntryKind.MERGED, 80)
    assert [(at, body) for at, _, body in bodies(story)][1:] == [
        (80, "Affected as well: UDP ingestion.")
    ]


def test_what_is_taken_over_and_closes_elsewhere_ends_with_its_last_slot() -> None:
    story = Story(scope(protocol="https"))
    over = Affected(55, scope(protocol="udp"), int(NOW), int(NOW) + 50, AlertClass.LOSS)
    story.but(affected=(*story.incident.affected, over))
    story.add(EntryKind.MERGED, 40).add(EntryKind.MERGED, 80)
    assert [(at, body) for at, _, body in bodies(story)][1:] == [
        (40, "Affected as well: UDP ingestion."),
        (80, "As usual again: UDP ingestion."),
    ]


def test_many_that_are_one_cost_no_more_than_each_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    looked = 0

    class Counted(Touching):
        def by(self, scope: Scope, *, by_hand: bool = False) -> frozenset[Component]:
            nonlocal looked
            looked += 1
            return super().by(scope, by_hand=by_hand)

    monkeypatch.setattr(record, "Touching", Counted)

    def cost(number: int) -> int:
        nonlocal looked
        story = Story(scope(protocol="https"))
        taken = tuple(
            Affected(1_000 + at, scope(protocol="udp"), int(NOW), None, AlertClass.LOSS)
            for at in range(number)
        )
        story.but(affected=(*story.incident.affected, *taken))
        for at in range(number):
            story.add(EntryKind.MERGED, 10 + 2 * at)
        looked = 0
        assert tell(story.recorded, plan(), CELLS) is not None
        return looked

    few = cost(100)
    assert few >= 100
    assert cost(400) <= 4 * few
