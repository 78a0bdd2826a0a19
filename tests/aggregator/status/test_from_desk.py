"""What the desk of incidents writes, customers read: no hand-made timeline here."""

from __future__ import annotations

from functools import partial

from coalmine_aggregator.incidents.desk import Desk
from coalmine_aggregator.incidents.opening import Opening
from coalmine_aggregator.model.incident import CellImpact, Impact, IncidentState, Postmortem
from coalmine_aggregator.model.scopes import scope_of
from coalmine_aggregator.status.compose import Inputs, compose
from coalmine_aggregator.status.record import Recorded, id_of
from coalmine_aggregator.status.site import PublicIncident, Site
from tests.aggregator.incidents.desks import Office, folded
from tests.aggregator.paging.alerts import NOW, acknowledged, alert, changed, closed, opened
from tests.aggregator.status.cases import CELLS, plan

PLAN = plan()
UDP = alert(1, protocol="udp")
HTTPS = alert(2, protocol="https", ordinal=2)


def site(office: Office) -> Site:
    incidents = [
        Recorded(incident, tuple(office.kept.entries[number]))
        for number, incident in office.kept.incidents.items()
    ]
    return compose(Inputs(PLAN, NOW + 10_000, NOW, CELLS, incidents=incidents))


def told(incident: PublicIncident) -> list[tuple[float, IncidentState, str]]:
    return [(each.at - NOW, each.state, each.body) for each in reversed(incident.updates)]


def test_from_the_alert_to_what_was_learned() -> None:
    office = Office()
    office.take(opened(UDP))
    office.take(acknowledged(UDP, NOW + 20), at=NOW + 20)
    office.take(changed(UDP._replace(scope=()), NOW + 40), at=NOW + 40)
    office.act(
        lambda desk: desk.update(
            1, state=IncidentState.IDENTIFIED, public="A bad build.", who="anna", now=NOW + 60
        )
    )
    office.take(closed(UDP._replace(scope=()), NOW + 300), at=NOW + 300)
    impact = Impact(
        int(NOW) - 3,
        int(NOW) + 299,
        tuple(CellImpact(protocol, "eu-1", 303, 303, 303) for protocol in ("udp", "https")),
        NOW + 310,
    )
    office.act(lambda desk: desk.measured(1, impact, NOW + 310))
    office.due(NOW + 900)
    office.act(
        lambda desk: desk.write_up(
            1, Postmortem(cause="A build that read no packets."), "anna", NOW + 5_000
        )
    )
    (incident,) = site(office).incidents
    assert told(incident) == [
        (
            0,
            IncidentState.INVESTIGATING,
            "Datapoints to UDP ingestion are being lost. We are investigating.",
        ),
        (40, IncidentState.INVESTIGATING, "Affected as well: HTTPS ingestion."),
        (60, IncidentState.IDENTIFIED, "A bad build."),
        (300, IncidentState.MONITORING, "Nothing is lost any more. We keep watching."),
        (900, IncidentState.RESOLVED, incident.updates[1].body),
        (5_000, IncidentState.POSTMORTEM, "What caused it has been written up."),
    ]
    assert incident.updates[1].body == (
        "This incident is resolved. Lost on 24 November 2025 between 15:59:57 and 16:05:00 UTC: 100 % "
        "of the datapoints that measure UDP ingestion (303 of 303) and 100 % of those that measure "
        "HTTPS ingestion (303 of 303)."
    )
    assert (incident.state, incident.cause) == (
        IncidentState.POSTMORTEM,
        "A build that read no packets.",
    )
    assert incident.started_at == NOW - 3


def test_what_stays_inside_moves_nothing_of_what_was_learned() -> None:
    office = Office()
    office.take(opened(UDP))
    office.take(closed(UDP, NOW + 300), at=NOW + 300)
    office.due(NOW + 900)
    for after, learned in (
        (1_000, Postmortem(summary="Draft.")),
        (2_000, Postmortem(summary="Draft.", cause="A bad build.")),
        (3_000, Postmortem(summary="Draft.", cause="A build that read no packets.")),
        (4_000, Postmortem(summary="Long.", cause="A build that read no packets.")),
    ):
        office.act(partial(Desk.write_up, number=1, postmortem=learned, who="anna", now=NOW + after))
    (incident,) = site(office).incidents
    assert (incident.updates[0].state, incident.updates[0].at - NOW) == (
        IncidentState.POSTMORTEM,
        2_000,
    )
    assert incident.updated_at == NOW + 3_000


def test_it_comes_back_while_it_is_watched() -> None:
    office = Office()
    office.take(opened(UDP))
    office.take(closed(UDP, NOW + 60), at=NOW + 60)
    again = alert(3, protocol="udp", region="eu-1", opened_at=NOW + 100)
    office.take(opened(again, NOW + 100), at=NOW + 100)
    (incident,) = site(office).incidents
    assert told(incident)[-1] == (
        100,
        IncidentState.INVESTIGATING,
        "It is back. We are investigating. Affected now: UDP ingestion.",
    )


def test_two_that_are_one_are_told_as_the_earlier() -> None:
    office = Office()
    office.take(opened(UDP))
    office.take(opened(HTTPS, NOW + 5), at=NOW + 5)
    assert len(site(office).incidents) == 2
    whole = alert(3, ordinal=3, opened_at=NOW + 8)
    office.take(
        folded(UDP, "ingest-loss-3", NOW + 8),
        folded(HTTPS, "ingest-loss-3", NOW + 8),
        opened(whole, NOW + 8),
        at=NOW + 8,
    )
    shown = site(office)
    (incident,) = shown.incidents
    assert incident.name == "Loss on UDP ingestion and HTTPS ingestion"
    assert [body for _, _, body in told(incident)][1:] == ["Affected as well: HTTPS ingestion."]
    assert shown.moved == ((id_of(PLAN, 2), id_of(PLAN, 1)),)
    assert incident.id == id_of(PLAN, 1)


def test_merged_by_hand_it_goes_on_with_both() -> None:
    office = Office()
    office.take(opened(UDP), opened(HTTPS))
    office.act(lambda desk: desk.merge(2, 1, "anna", NOW + 30))
    office.take(closed(HTTPS, NOW + 60), at=NOW + 60)
    (incident,) = site(office).incidents
    assert [(at, body) for at, _, body in told(incident)][1:] == [
        (30, "Affected as well: HTTPS ingestion."),
        (60, "As usual again: HTTPS ingestion."),
    ]


def test_opened_by_hand_it_is_told_once_a_person_publishes_it() -> None:
    office = Office()
    opening = Opening(
        "ingest", "private", (scope_of({"region": "us-1"}),), public="Lines are slow.", since=int(NOW)
    )
    office.act(lambda desk: desk.open_by_hand(opening, "anna", NOW + 10))
    assert site(office).incidents == ()
    office.act(lambda desk: desk.publish(1, "anna", NOW + 20))
    office.act(lambda desk: desk.title(1, None, "Slow lines", "anna", NOW + 30))
    (incident,) = site(office).incidents
    assert incident.name == "Slow lines"
    assert told(incident) == [(20, IncidentState.INVESTIGATING, "Lines are slow.")]
    assert (incident.started_at, incident.components) == (NOW, ("udp", "https"))
    office.act(lambda desk: desk.withhold(1, "anna", NOW + 40))
    assert site(office).incidents == ()
