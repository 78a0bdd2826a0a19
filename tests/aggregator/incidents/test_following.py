"""What incidents make of alerts."""

from __future__ import annotations

import pytest

from coalmine_aggregator.incidents.opening import Opening
from coalmine_aggregator.incidents.policy import IncidentPolicy
from coalmine_aggregator.incidents.scoping import MAX_AFFECTED
from coalmine_aggregator.model.alerts import Alert, AlertClass, Severity
from coalmine_aggregator.model.counts import Counts
from coalmine_aggregator.model.incident import EntryKind, IncidentState
from coalmine_aggregator.model.scopes import scope_of
from tests.aggregator.incidents.desks import Office, folded, kinds
from tests.aggregator.paging.alerts import NOW, acknowledged, alert, changed, closed, opened

UDP = alert(1, protocol="udp")


def test_a_page_opens_an_incident_that_tells_what_it_knows() -> None:
    office = Office()
    (incident,) = office.take(opened(UDP)).incidents
    assert (incident.number, incident.service, incident.state) == (
        1,
        "ingest",
        IncidentState.INVESTIGATING,
    )
    assert (incident.since, incident.opened_at, incident.opened_by) == (int(NOW) - 3, NOW, "")
    assert incident.title == "Loss of UDP of ingest, all regions"
    assert incident.detected_in_s == 3
    (affected,) = incident.affected
    assert affected == (1, UDP.scope, int(NOW) - 3, None, AlertClass.LOSS)
    (entry,) = office.kept.entries[1]
    assert (entry.kind, entry.who, entry.alert, entry.scope) == (EntryKind.OPENED, "", 1, UDP.scope)
    assert office.desk.of_alert(1) == 1
    assert office.desk.open == (incident,)


def test_a_ticket_opens_none_until_it_is_a_page() -> None:
    office = Office()
    few = alert(1, AlertClass.AGENTS_MISSING, Severity.TICKET, zone="a")
    assert office.take(opened(few)) == ((), ())
    page = few._replace(severity=Severity.PAGE)
    (incident,) = office.take(changed(page, NOW + 7_200), at=NOW + 7_200).incidents
    assert incident.opened_at == NOW + 7_200
    assert incident.told_at == NOW + 7_200


def test_only_classes_that_are_named_open_one() -> None:
    office = Office(IncidentPolicy(frozenset({AlertClass.BLIND})))
    assert office.take(opened(UDP)) == ((), ())
    assert len(office.take(opened(alert(2, AlertClass.BLIND))).incidents) == 1


@pytest.mark.parametrize(
    ("policy", "field"),
    [
        (IncidentPolicy(resolve_after_s=-1.0), "resolve_after"),
        (IncidentPolicy(resolve_after_s=float("nan")), "resolve_after"),
        (IncidentPolicy(remind_s=59.0), "remind"),
        (IncidentPolicy(remind_s=float("inf")), "remind"),
    ],
)
def test_a_policy_that_cannot_be_says_which_key(policy: IncidentPolicy, field: str) -> None:
    with pytest.raises(ValueError, match=f"^{field}: "):
        policy.check()
    IncidentPolicy(remind_s=0.0).check()


def test_scopes_that_change_are_noted_and_the_title_follows() -> None:
    office = Office()
    office.take(opened(UDP))
    wide = UDP._replace(scope=(), since=UDP.since - 5)
    office.take(changed(wide, NOW + 1), at=NOW + 1)
    assert office[1].title == "Loss of traffic of ingest, all regions"
    assert office[1].since == UDP.since - 5
    assert office[1].affected[0].scope == ()
    assert office.kinds(1) == [EntryKind.OPENED, EntryKind.SCOPE_CHANGED]
    assert office.kept.entries[1][1].text == "ingest-loss-1 is all of it now; it was protocol=udp."
    office.act(lambda desk: desk.title(1, "Malformed packets", None, "anna", NOW + 2))
    office.take(changed(UDP, NOW + 3), at=NOW + 3)
    assert office[1].title == "Malformed packets"


def test_other_changes_of_an_alert_are_not_noted() -> None:
    office = Office()
    office.take(opened(UDP))
    assert office.take(changed(UDP._replace(effect="late"), NOW + 1), at=NOW + 1) == ((), ())


def test_a_title_never_says_how_much_is_lost() -> None:
    office = Office()
    part = UDP._replace(counts=Counts(90, (90, 0, 0, 10, 0, 0, 0)))
    whole = alert(2, service="logs")._replace(counts=Counts(0, (0, 0, 0, 10, 0, 0, 0)))
    traffic = alert(3, service="metrics")._replace(counts=part.counts)
    titles = [
        each.title for each in office.take(opened(part), opened(whole), opened(traffic)).incidents
    ]
    assert titles == [
        "Loss of UDP of ingest, all regions",
        "Loss of traffic of logs, all regions",
        "Loss of traffic of metrics, all regions",
    ]


def test_the_first_who_acknowledges_counts_and_all_are_noted() -> None:
    office = Office()
    tls = alert(2, protocol="tls", ordinal=2)
    office.take(opened(UDP), opened(tls))
    office.act(lambda desk: desk.merge(2, 1, "anna", NOW + 1))
    office.take(acknowledged(UDP, NOW + 5), at=NOW + 5)
    ben = tls._replace(acknowledged_at=NOW + 9, acknowledged_by="ben")
    office.take(acknowledged(tls, NOW + 9)._replace(alert=ben), at=NOW + 9)
    assert (office[1].acknowledged_at, office[1].acknowledged_by) == (NOW + 5, "anna")
    assert office[1].acknowledged_in_s == 5
    noted = [each.who for each in office.kept.entries[1] if each.kind is EntryKind.ACKNOWLEDGED]
    assert noted == ["anna", "ben"]
    # It is no word about how things stand.
    assert office[1].told_at == NOW + 1


def test_it_is_monitored_once_all_closed_and_resolved_after_a_while() -> None:
    office = Office()
    office.take(opened(UDP))
    office.take(closed(UDP, NOW + 60), at=NOW + 60)
    assert (office[1].state, office[1].ended_at) == (IncidentState.MONITORING, NOW + 60)
    assert office[1].affected[0].last == int(NOW) + 60
    assert office[1].recovered_in_s == 63
    assert office.due(NOW + 659.9) == ((), ())
    (resolved,) = office.due(NOW + 660).incidents
    assert (resolved.state, resolved.resolved_at) == (IncidentState.RESOLVED, NOW + 660)
    assert office.kept.entries[1][-1].text == "10 min without an alert."
    assert office.due(NOW + 10_000) == ((), ())


def test_the_same_loss_that_comes_back_meanwhile_is_the_same_incident() -> None:
    office = Office()
    office.take(opened(UDP))
    office.take(closed(UDP, NOW + 60), at=NOW + 60)
    part = alert(2, protocol="udp", region="eu", opened_at=NOW + 600)
    office.take(opened(part, NOW + 600), at=NOW + 600)
    assert list(office.kept.incidents) == [1]
    assert (office[1].state, office[1].ended_at) == (IncidentState.INVESTIGATING, None)
    assert office.kinds(1)[-1] is EntryKind.REOPENED
    assert [each.alert for each in office[1].affected] == [1, 2]


@pytest.mark.parametrize(
    "other",
    [
        alert(2, protocol="tls"),
        alert(2, service="logs", protocol="udp"),
        alert(2, AlertClass.BLIND, protocol="udp"),
        alert(2, region="eu"),
    ],
)
def test_another_loss_is_another_incident(other: Alert) -> None:
    office = Office()
    office.take(opened(UDP))
    office.take(closed(UDP, NOW + 60), at=NOW + 60)
    office.take(opened(other, NOW + 61), at=NOW + 61)
    assert list(office.kept.incidents) == [1, 2]


def test_what_goes_by_an_equal_scope_is_the_same_loss() -> None:
    office = Office()
    office.take(opened(alert(1, zone="a")))
    office.take(closed(alert(1, zone="a"), NOW + 60), at=NOW + 60)
    node = alert(2, node="n1", equivalents=({"zone": "a"},))
    office.take(opened(node, NOW + 61), at=NOW + 61)
    assert list(office.kept.incidents) == [1]


def test_after_it_is_resolved_the_same_loss_is_another_incident() -> None:
    office = Office()
    office.take(opened(UDP))
    office.take(closed(UDP, NOW + 60), at=NOW + 60)
    office.due(NOW + 660)
    again = UDP._replace(number=2)
    office.take(opened(again, NOW + 661), at=NOW + 661)
    assert [each.state for each in office.kept.incidents.values()] == [
        IncidentState.RESOLVED,
        IncidentState.INVESTIGATING,
    ]


def test_parts_that_follow_a_whole_in_one_tick_stay_with_it() -> None:
    office = Office()
    whole = alert(1)
    office.take(opened(whole))
    udp, tls = alert(2, protocol="udp"), alert(3, protocol="tls", ordinal=2)
    office.take(closed(whole, NOW + 9), opened(udp, NOW + 9), opened(tls, NOW + 9), at=NOW + 9)
    assert list(office.kept.incidents) == [1]
    assert office[1].state is IncidentState.INVESTIGATING
    assert {each.alert for each in office[1].affected if each.last is None} == {2, 3}


def test_an_alert_that_opens_takes_in_others_and_goes_on_as_the_earliest() -> None:
    office = Office()
    tls = alert(2, protocol="tls", ordinal=2)
    office.take(opened(UDP))
    office.take(opened(tls, NOW + 1), at=NOW + 1)
    whole = alert(3)
    told = office.take(
        folded(tls, "ingest-loss", NOW + 2),
        folded(UDP, "ingest-loss", NOW + 2),
        opened(whole, NOW + 2),
        at=NOW + 2,
    )
    assert list(office.kept.incidents) == [1, 2]
    assert (office[2].state, office[2].merged_into) == (IncidentState.RESOLVED, 1)
    assert office[2].affected == ()
    assert office[1].state is IncidentState.INVESTIGATING
    assert {each.alert: each.last for each in office[1].affected} == {
        1: int(NOW) + 2,
        2: int(NOW) + 2,
        3: None,
    }
    assert EntryKind.MERGED in kinds(each for each in told.entries if each.incident == 1)
    assert EntryKind.MERGED in kinds(each for each in told.entries if each.incident == 2)
    assert office.desk.of_alert(2) == office.desk.of_alert(3) == 1
    assert office.desk.open == (office[1],)


def test_one_that_is_taken_in_later_is_merged_into_the_earlier_incident() -> None:
    office = Office()
    office.take(opened(UDP))
    whole = alert(2, ordinal=2)
    office.take(opened(whole, NOW + 1), at=NOW + 1)
    assert list(office.kept.incidents) == [1, 2]
    office.take(folded(UDP, "ingest-loss-2", NOW + 2), at=NOW + 2)
    assert office[2].merged_into == 1
    assert office[1].ended_at is None
    assert office.desk.of_alert(2) == 1
    assert office[1].title == "Loss of traffic of ingest, all regions"


def test_what_took_it_in_may_be_taken_in_itself() -> None:
    office = Office()
    host, zone, whole = alert(1, host="h1"), alert(2, zone="a", ordinal=2), alert(3, ordinal=3)
    for each in (host, zone, whole):
        office.take(opened(each))
    office.take(
        folded(host, "ingest-loss-2", NOW + 1), folded(zone, "ingest-loss-3", NOW + 1), at=NOW + 1
    )
    assert [office[each].merged_into for each in (1, 2, 3)] == [0, 1, 1]
    assert [each.alert for each in office[1].affected if each.last is None] == [3]


def test_of_two_that_open_it_goes_on_as_the_one_around_it() -> None:
    office = Office()
    office.take(opened(alert(1, zone="a", region="eu")))
    us, eu = alert(2, region="us", ordinal=2), alert(3, region="eu")
    office.take(
        folded(alert(1, zone="a", region="eu"), "ingest-loss", NOW + 1),
        opened(us, NOW + 1),
        opened(eu, NOW + 1),
        at=NOW + 1,
    )
    assert {office.desk.of_alert(each) for each in (1, 3)} == {1}
    assert office.desk.of_alert(2) == 2


def test_where_labels_do_not_tell_it_goes_on_as_one_that_may_be_around_it() -> None:
    office = Office()
    udp = alert(1, protocol="udp", region="eu")
    office.take(opened(udp))
    tls, zone = alert(2, protocol="tls", ordinal=2), alert(3, protocol="udp", zone="a")
    office.take(
        folded(udp, "ingest-loss", NOW + 1), opened(tls, NOW + 1), opened(zone, NOW + 1), at=NOW + 1
    )
    assert [office.desk.of_alert(each) for each in (1, 2, 3)] == [1, 2, 1]


def test_one_that_found_no_room_takes_nothing_along() -> None:
    office = Office()
    office.take(opened(UDP))
    office.take(folded(UDP, "ingest-loss", NOW + 1), at=NOW + 1)
    assert office[1].state is IncidentState.MONITORING


def test_a_cause_that_goes_on_as_a_ticket_stays_open() -> None:
    office = Office()
    office.take(opened(UDP))
    quiet = alert(2, severity=Severity.TICKET)
    office.take(folded(UDP, "ingest-loss", NOW + 1), opened(quiet, NOW + 1), at=NOW + 1)
    assert office.desk.of_alert(2) == 1
    assert office[1].state is IncidentState.INVESTIGATING


def test_identified_stays_while_alerts_come_and_is_monitored_when_they_are_gone() -> None:
    office = Office()
    office.take(opened(UDP))
    office.act(
        lambda d: d.update(1, state=IncidentState.IDENTIFIED, text="It is us", who="anna", now=NOW)
    )
    whole = alert(2)
    office.take(folded(UDP, "ingest-loss", NOW + 1), opened(whole, NOW + 1), at=NOW + 1)
    states = [office[1].state]
    office.take(closed(whole, NOW + 5), at=NOW + 5)
    assert [*states, office[1].state] == [IncidentState.IDENTIFIED, IncidentState.MONITORING]


def test_what_a_person_resolved_is_left_so_while_its_alert_goes_on() -> None:
    office = Office()
    office.take(opened(UDP))
    office.act(
        lambda d: d.update(1, state=IncidentState.RESOLVED, text="Known", who="anna", now=NOW + 1)
    )
    office.restart([UDP], NOW + 2)
    office.take(changed(UDP._replace(scope=()), NOW + 3), at=NOW + 3)
    office.take(closed(UDP, NOW + 9), at=NOW + 9)
    assert list(office.kept.incidents) == [1]
    assert (office[1].state, office[1].resolved_at) == (IncidentState.RESOLVED, NOW + 1)
    assert office[1].ended_at == NOW + 9  # the loss is counted to its end


def test_a_start_gives_open_alerts_their_incident_once() -> None:
    office = Office()
    tls = alert(2, protocol="tls", ordinal=2)._replace(acknowledged_at=NOW + 3, acknowledged_by="ben")
    office.take(opened(UDP))
    office.restart([UDP, tls], NOW + 100)
    assert office.desk.of_alert(2) == 2
    assert (office[2].opened_at, office[2].acknowledged_by) == (NOW, "ben")
    for _ in range(2):
        assert office.restart([UDP, tls], NOW + 200) == ((), ())
        assert office.take(opened(UDP), opened(tls), at=NOW + 200) == ((), ())


def test_a_start_notes_what_closed_while_nobody_looked() -> None:
    office = Office()
    office.take(opened(UDP))
    office.restart([], NOW + 100)
    assert (office[1].state, office[1].ended_at) == (IncidentState.MONITORING, NOW + 100)
    assert "not seen" in office.kept.entries[1][1].text


def test_a_fault_on_the_way_changes_nothing() -> None:
    office = Office()
    office.take(opened(UDP))
    broken = opened(alert(2, zone="a"))._replace(alert=None)  # type: ignore[arg-type]
    with pytest.raises(AttributeError):
        office.desk.take([closed(UDP, NOW + 1), broken], NOW + 1)
    assert office.desk.open == (office[1],)
    office.take(closed(UDP, NOW + 1), at=NOW + 1)
    assert office.kinds(1) == [EntryKind.OPENED, EntryKind.ALERT_CLOSED, EntryKind.STATE]


def test_a_loss_that_comes_and_goes_all_day_begins_another_incident_at_last() -> None:
    office = Office()
    for n in range(MAX_AFFECTED + 1):
        at = NOW + 60 * n
        each = UDP._replace(number=n + 1)
        office.take(opened(each, at), at=at)
        office.take(closed(each, at + 1), at=at + 1)
    assert [len(each.affected) for each in office.kept.incidents.values()] == [MAX_AFFECTED, 1]


def test_what_becomes_of_nodes_is_filed_where_it_touches() -> None:
    office = Office()
    office.take(opened(UDP), opened(alert(2, node="n2", ordinal=2)), opened(alert(3, service="logs")))
    node = scope_of({"node": "n1"})
    told = office.act(
        lambda d: d.happened(EntryKind.WITHDRAWN, "ingest", node, "n1 takes no traffic.", NOW + 5)
    )
    ((number, _, _, kind, who, text, *_),) = told.entries
    assert (number, kind, who, text) == (1, EntryKind.WITHDRAWN, "", "n1 takes no traffic.")


def test_the_desk_forgets_what_ended_long_ago() -> None:
    office = Office()
    office.take(opened(UDP))
    office.take(closed(UDP, NOW + 60), at=NOW + 60)
    office.due(NOW + 660)
    office.due(NOW + 86_400)
    assert office.desk.find(1) is not None
    office.due(NOW + 4 * 86_400)
    assert office.desk.find(1) is None
    assert office.desk.of_alert(1) == 0
    with pytest.raises(KeyError):
        office.desk.note(1, "text", "anna", NOW)
    office.desk.load(office[1])
    office.act(lambda desk: desk.note(1, "text", "anna", NOW + 4 * 86_400))
    # What was said of it may not be in the store yet.
    office.due(NOW + 4 * 86_400 + 10)
    assert office.desk.find(1) == office[1]
    assert office.take(opened(alert(9))).incidents[0].number == 2


def test_numbers_are_never_used_again() -> None:
    office = Office()
    office.take(opened(UDP))
    office.restart([UDP], NOW)
    assert office.take(opened(alert(2, service="logs"))).incidents[0].number == 2


def test_what_a_person_resolved_takes_nothing_in() -> None:
    office = Office()
    whole = alert(2, ordinal=2)
    office.take(opened(whole), opened(UDP))
    office.act(lambda d: d.update(1, state=IncidentState.RESOLVED, who="anna", now=NOW + 1))
    office.take(folded(UDP, "ingest-loss-2", NOW + 2), at=NOW + 2)
    assert [office[each].merged_into for each in (1, 2)] == [0, 0]
    assert [office[each].state for each in (1, 2)] == [IncidentState.RESOLVED, IncidentState.MONITORING]


def test_what_a_person_resolved_is_not_taken_in() -> None:
    office = Office()
    whole = alert(2, ordinal=2)
    office.take(opened(UDP), opened(whole))
    office.act(lambda d: d.update(1, state=IncidentState.RESOLVED, who="anna", now=NOW + 1))
    office.take(folded(UDP, "ingest-loss-2", NOW + 2), at=NOW + 2)
    assert (office[1].state, office[1].merged_into, office[1].ended_at) == (
        IncidentState.RESOLVED,
        0,
        NOW + 2,
    )
    assert office[2].state is IncidentState.INVESTIGATING


def test_alerts_of_an_incident_opened_by_hand_do_not_move_it() -> None:
    office = Office()
    office.act(lambda d: d.open_by_hand(Opening("ingest", "Logins fail"), "anna", NOW))
    office.take(opened(UDP))
    office.act(lambda d: d.merge(2, 1, "anna", NOW + 1))
    office.take(closed(UDP, NOW + 5), at=NOW + 5)
    assert (office[1].state, office[1].ended_at) == (IncidentState.INVESTIGATING, NOW + 5)
    office.act(lambda d: d.update(1, state=IncidentState.MONITORING, who="anna", now=NOW + 6))
    again = UDP._replace(number=2)
    office.take(opened(again, NOW + 7), at=NOW + 7)
    assert office.kinds(1)[-1] is EntryKind.ALERT_OPENED
    assert office[1].state is IncidentState.MONITORING


def test_it_is_monitored_for_the_whole_time_from_when_a_person_said_so() -> None:
    office = Office()
    office.take(opened(UDP))
    office.take(closed(UDP, NOW + 60), at=NOW + 60)
    for state, at in ((IncidentState.IDENTIFIED, 100.0), (IncidentState.MONITORING, 500.0)):
        office.act(lambda d, s=state, t=at: d.update(1, state=s, who="anna", now=NOW + t))  # type: ignore[misc]
    assert office.due(NOW + 1_099) == ((), ())
    assert office.due(NOW + 1_100).incidents[0].state is IncidentState.RESOLVED


def test_a_loss_that_comes_back_while_a_person_works_on_it_is_the_same() -> None:
    office = Office()
    office.take(opened(UDP))
    office.take(closed(UDP, NOW + 60), at=NOW + 60)
    office.act(lambda d: d.update(1, state=IncidentState.IDENTIFIED, who="anna", now=NOW + 70))
    office.take(opened(UDP._replace(number=2), NOW + 80), at=NOW + 80)
    assert (office[1].state, office[1].ended_at) == (IncidentState.IDENTIFIED, None)
    assert office.kinds(1)[-1] is EntryKind.ALERT_OPENED
