"""What customers see of an incident: which components, which updates, which words and counts."""

from __future__ import annotations

import pytest

from coalmine_aggregator.model.alerts import AlertClass
from coalmine_aggregator.model.incident import (
    Affected,
    CellImpact,
    EntryKind,
    IncidentState,
    Postmortem,
)
from coalmine_aggregator.model.scopes import Scope
from coalmine_aggregator.status.components import Cell, Component
from coalmine_aggregator.status.record import tell
from coalmine_aggregator.status.site import (
    ComponentChange,
    ComponentImpact,
    ComponentStatus,
    Grade,
)
from tests.aggregator.status.cases import CELLS, HTTPS, NOW, UDP, Story, plan, scope
from tests.aggregator.status.telling import bodies, public, seen

UDP_LOST = (
    CellImpact("udp", "eu-1", 4_512, 25_066, 50_000),
    CellImpact("udp", "us-1", 9, 25_000, 50_000),
)


def test_an_incident_from_beginning_to_end() -> None:
    story = Story(scope(protocol="udp")).count(*UDP_LOST)
    story.add(EntryKind.ACKNOWLEDGED, 60, who="anna")
    story.add(EntryKind.STATE, 300, IncidentState.IDENTIFIED, who="anna")
    story.add(EntryKind.UPDATE, 600, public="A decoder is being replaced.", who="anna")
    story.close(1_680)
    story.add(EntryKind.STATE, 2_280, IncidentState.RESOLVED)
    found = public(story)
    lost = (
        "9 % of the datapoints that measure UDP ingestion were lost on 28 November 2026 between 03:12 "
        "and 03:40 UTC: 4,521 of 50,066."
    )
    assert bodies(story) == [
        (
            0,
            IncidentState.INVESTIGATING,
            "Datapoints to UDP ingestion are being lost. We are investigating.",
        ),
        (300, IncidentState.IDENTIFIED, "The cause has been identified."),
        (600, IncidentState.IDENTIFIED, "A decoder is being replaced."),
        (1_680, IncidentState.MONITORING, "Nothing is lost any more. We keep watching."),
        (
            2_280,
            IncidentState.RESOLVED,
            f"This incident is resolved. {lost}",
        ),
    ]
    changes = [each.changes for each in reversed(found.updates)]
    operational, degraded = ComponentStatus.OPERATIONAL, ComponentStatus.DEGRADED_PERFORMANCE
    assert changes == [
        (ComponentChange("udp", "UDP ingestion", operational, degraded),),
        (),
        (),
        (ComponentChange("udp", "UDP ingestion", degraded, operational),),
        (),
    ]
    assert found.name == "Loss on UDP ingestion"
    assert found.components == ("udp",)
    assert found.impacts == (ComponentImpact("udp", "UDP ingestion", 4_521, 50_066, True),)
    assert found.grade is Grade.MINOR
    assert (found.started_at, found.created_at, found.updated_at) == (NOW, NOW, NOW + 2_280)
    assert (found.monitoring_at, found.ended_at, found.resolved_at) == (
        NOW + 1_680,
        NOW + 1_680,
        NOW + 2_280,
    )
    assert len({each.id for each in found.updates} | {found.id}) == 6


def test_components_come_and_go_with_the_scope_of_its_alert() -> None:
    story = Story(scope(protocol="udp"))
    story.add(EntryKind.SCOPE_CHANGED, 30, alert=100, scope=())
    story.add(EntryKind.SCOPE_CHANGED, 90, alert=100, scope=scope(protocol="https"))
    assert [(at, body) for at, _, body in bodies(story)] == [
        (0, "Datapoints to UDP ingestion are being lost. We are investigating."),
        (30, "Affected as well: HTTPS ingestion."),
        (90, "As usual again: UDP ingestion."),
    ]
    assert public(story).components == ("udp", "https")
    assert seen(story).touched == {HTTPS}


def test_before_it_is_counted_scopes_say_what_it_touches_and_machines_nothing() -> None:
    assert public(Story(scope(region="eu-1"))).components == ("udp", "https")
    assert public(Story(scope(region="eu-1", host="h1"))).components == ("udp", "https")
    assert public(Story(scope(location="external"))).components == ("udp", "https")
    for labels in ({"host": "h1"}, {"zone": "a", "protocol": "udp"}, {"node": "n1"}):
        assert tell(Story(scope(**labels)).recorded, plan(), CELLS) is None


def test_once_counted_a_component_is_touched_where_something_was_lost() -> None:
    story = Story(scope(host="h1")).count(
        CellImpact("udp", "eu-1", 0, 100, 900), CellImpact("https", "us-1", 50, 100, 900)
    )
    assert public(story).components == ("https",)
    assert public(story).impacts == (ComponentImpact("https", "HTTPS ingestion", 50, 100, False),)


def wide(https_bad: int, udp_bad: int = 4_000, labels: Scope = ()) -> Story:
    cells = CellImpact("udp", "us-1", udp_bad, 50_000, 50_000)
    story = Story(labels).count(cells, CellImpact("https", "us-1", https_bad, 50_000, 50_000))
    return story.close(1_680).add(EntryKind.STATE, 2_280, IncidentState.RESOLVED)


def test_what_a_wide_scope_lost_a_little_of_is_not_touched_and_stays_in_the_numbers() -> None:
    for bad, verb in ((1, "was"), (499, "were")):
        found = public(wide(bad))
        assert (found.name, found.components) == ("Loss on UDP ingestion", ("udp",))
        assert [each.id for each in found.impacts] == ["udp"]
        assert bodies(wide(bad))[-1][2].endswith(
            f"03:40 UTC: 4,000 of 50,000. Of other components, {bad} of 50,000 {verb} lost."
        )
    assert public(wide(500)).components == ("udp", "https")
    assert "other components" not in bodies(wide(500))[-1][2]
    assert "other components" not in bodies(wide(0))[-1][2]


def test_a_component_that_the_scope_names_is_touched_by_a_few() -> None:
    europe = Component("eu", "Web in Europe", "ingest", protocols=("https",), regions=("eu-*",))
    america = Component("us", "America", "ingest", regions=("us-*",))

    def touched(*cells: CellImpact) -> tuple[str, ...]:
        return public(
            Story(scope(protocol="https")).count(*cells), plan(HTTPS, europe, america)
        ).components

    whole, no_more = 50_000, CellImpact("https", "ap-1", 0, 50_000, 50_000)
    eu, us = (
        CellImpact("https", "eu-1", 600, whole, whole),
        CellImpact("https", "us-1", 5, whole, whole),
    )
    assert touched(eu, us, no_more) == ("https", "eu")
    assert touched(us, no_more) == ("https",)
    assert touched(us._replace(bad=4), no_more) == ("https", "us")  # spread thin: of nobody else


def test_what_is_spread_thin_is_of_each_that_lost_no_few() -> None:
    assert public(wide(40, udp_bad=50)).components == ("udp", "https")
    assert public(wide(1, udp_bad=50)).components == ("udp",)
    assert public(wide(1, udp_bad=2)).components == ("udp", "https")


def test_what_is_held_back_is_in_no_number_beside() -> None:
    story = Story(()).count(
        CellImpact("udp", "us-1", 4_000, 50_000, 50_000), CellImpact("tcp", "eu-1", 7, 50_000, 50_000)
    )
    story.close(1_680).add(EntryKind.STATE, 2_280, IncidentState.RESOLVED)
    assert "other components" not in bodies(story)[-1][2]


def test_cells_of_no_component_are_in_no_number() -> None:
    story = Story(()).count(*UDP_LOST, CellImpact("tcp", "eu-1", 777, 999, 999))
    assert public(story).impacts == (ComponentImpact("udp", "UDP ingestion", 4_521, 50_066, True),)
    assert tell(Story(()).count(CellImpact("tcp", "eu-1", 777, 999)).recorded, plan(), CELLS) is None


@pytest.mark.parametrize(
    ("bad", "total", "grade"),
    [
        (2, 10, Grade.MINOR),
        (10, 2_000, Grade.MINOR),
        (200, 2_000, Grade.MAJOR),
        (1_000, 2_000, Grade.CRITICAL),
    ],
)
def test_it_is_graded_by_how_much_of_a_component_was_lost(bad: int, total: int, grade: Grade) -> None:
    cells = [CellImpact("udp", region, bad, bad, total) for region in ("eu-1", "us-1")]
    assert public(Story(scope(protocol="udp")).count(*cells)).grade is grade


def test_it_is_critical_only_where_nothing_of_a_component_was_spared() -> None:
    lost = CellImpact("udp", "eu-1", 1_000, 1_000, 1_000)
    assert public(Story(scope(protocol="udp", region="eu-1")).count(lost)).grade is Grade.MAJOR


def test_what_the_fleet_gets_later_changes_no_history() -> None:
    story = Story(scope(protocol="udp")).count(*UDP_LOST).close(100)
    story.add(EntryKind.STATE, 700, IncidentState.RESOLVED)
    more = CELLS | {Cell("ingest", "udp", "ap-1"), Cell("ingest", "tcp", "eu-1")}
    assert tell(story.recorded, plan(), more) == tell(story.recorded, plan(), CELLS)
    assert tell(story.recorded, plan(), ()) == tell(story.recorded, plan(), CELLS)


def test_an_update_has_the_counts_of_a_few_components() -> None:
    many = [Component(f"c{n}", f"C{n}", "ingest") for n in range(7)]
    story = Story(()).count(*UDP_LOST).close(100).add(EntryKind.STATE, 700, IncidentState.RESOLVED)
    found = public(story, plan(*many))
    assert found.updates[0].body.count("4,521 of 50,066") == 5
    assert found.updates[0].body.endswith(" (4,521 of 50,066) and 2 more.")
    assert len(found.impacts) == 7


def test_of_a_part_that_is_no_component_it_says_no_more_than_it_knows() -> None:
    story = Story(scope(protocol="udp", location="external")).count(
        CellImpact("udp", "eu-1", 100, 100), CellImpact("udp", "us-1", 100, 100), seconds=100
    )
    story.close(100).add(EntryKind.STATE, 700, IncidentState.RESOLVED)
    assert public(story).grade is Grade.MINOR
    assert bodies(story)[-1][2] == (
        "This incident is resolved. 100 % of the datapoints that measure the affected part of UDP "
        "ingestion were lost on 28 November 2026 between 03:12:00 and 03:13:40 UTC: 200 of 200."
    )


def test_what_one_tick_wrote_is_one_update() -> None:
    story = Story(scope(protocol="udp"))
    story.add(EntryKind.ALERT_CLOSED, 30, alert=100)
    story.but(affected=(*story.incident.affected, Affected(101, (), int(NOW), None, AlertClass.LOSS)))
    story.add(EntryKind.ALERT_OPENED, 30.1, alert=101, scope=())
    assert [body for _, _, body in bodies(story)][1:] == ["Affected as well: HTTPS ingestion."]


def test_it_comes_back() -> None:
    story = Story(scope(protocol="udp")).close(100)
    assert public(story).monitoring_at == NOW + 100
    story.add(
        EntryKind.REOPENED,
        200,
        IncidentState.INVESTIGATING,
        alert=100,
        scope=scope(protocol="udp"),
    )
    assert bodies(story)[-1] == (
        200,
        IncidentState.INVESTIGATING,
        "It is back. We are investigating. Affected now: UDP ingestion.",
    )
    assert public(story).monitoring_at is None


def test_what_was_learned_is_told_where_it_was_written_for_customers() -> None:
    story = Story(scope(protocol="udp")).close(100)
    story.add(EntryKind.STATE, 700, IncidentState.RESOLVED)
    story.add(EntryKind.POSTMORTEM, 9_000, IncidentState.POSTMORTEM)
    story.but(postmortem=Postmortem(summary="inside"))
    assert public(story).state is IncidentState.RESOLVED
    assert public(story).updated_at == NOW + 700
    story.but(postmortem=Postmortem(summary="inside", cause="A bad build. "))
    story.add(EntryKind.POSTMORTEM, 9_500)
    found = public(story)
    assert (found.state, found.cause, found.affected) == (
        IncidentState.POSTMORTEM,
        "A bad build.",
        "",
    )
    assert found.updates[0].body == "What caused it has been written up."
    # What an older version wrote does not say which writing customers read: the newest did, if any.
    assert (found.updates[0].at, found.updated_at) == (NOW + 9_500, NOW + 9_500)


def test_what_was_learned_is_told_from_when_customers_could_read_it() -> None:
    story = Story(scope(protocol="udp")).close(100)
    story.add(EntryKind.STATE, 700, IncidentState.RESOLVED)
    story.add(EntryKind.POSTMORTEM, 9_000, IncidentState.POSTMORTEM)
    story.add(EntryKind.POSTMORTEM, 9_500, rewrites_public=True)
    story.add(EntryKind.POSTMORTEM, 9_700, rewrites_public=True).add(EntryKind.POSTMORTEM, 9_900)
    found = public(story.but(postmortem=Postmortem(cause="A bad build.")))
    assert (found.updates[0].at, found.updated_at) == (NOW + 9_500, NOW + 9_700)
    assert (found.updates[0].state, found.updates[1].at) == (IncidentState.POSTMORTEM, NOW + 700)


def test_a_component_that_has_left_the_page_keeps_its_name_in_history() -> None:
    retired = UDP._replace(is_retired=True)
    found = public(Story(scope(protocol="udp")).count(*UDP_LOST), plan(retired, HTTPS))
    assert found.name == "Loss on UDP ingestion"
    assert found.components == ()
    assert found.impacts[0].name == "UDP ingestion"


def test_of_a_component_that_is_in_the_file_no_more_only_what_a_person_published_stays() -> None:
    story = Story(scope(protocol="udp")).count(*UDP_LOST)
    assert tell(story.recorded, plan(HTTPS), CELLS) is None
    story.publish(60)
    found = public(story, plan(HTTPS))
    assert (found.name, found.components, found.impacts) == ("Incident", (), ())


def test_ids_are_twelve_characters_and_another_page_has_others() -> None:
    story = Story(scope(protocol="udp"))
    ours = public(story).id
    assert len(ours) == 12
    assert ours.isalnum()
    assert ours == public(story.add(EntryKind.NOTE, 10)).id
    assert ours != public(story, plan()._replace(key="other")).id
    assert ours != public(story, plan()._replace(fleet="other")).id


def test_many_components_are_named_by_the_first() -> None:
    many = [Component(f"c{n}", f"C{n}", "ingest") for n in range(5)]
    assert public(Story(()), plan(*many)).name == "Loss on C0, C1, C2 and 2 more"


def test_what_was_learned_of_what_waits_is_not_told() -> None:
    story = Story(scope(protocol="https"), by_hand=True)
    taken = Affected(55, scope(protocol="udp"), int(NOW), None, AlertClass.LOSS)
    story.but(affected=(*story.incident.affected, taken)).add(EntryKind.MERGED, 40)
    story.add(EntryKind.STATE, 700, IncidentState.RESOLVED)
    story.add(EntryKind.POSTMORTEM, 9_000, IncidentState.POSTMORTEM)
    story.but(postmortem=Postmortem(cause="A draft.", affected="Anna's.", resolution="None."))
    found = public(story)
    assert (found.cause, found.affected, found.resolution) == ("", "", "")
    assert (found.state, found.updated_at) == (IncidentState.RESOLVED, NOW + 700)
    found = public(story.publish(9_100))
    assert (found.cause, found.state) == ("A draft.", IncidentState.POSTMORTEM)
    assert found.updates[0].at == NOW + 9_100
