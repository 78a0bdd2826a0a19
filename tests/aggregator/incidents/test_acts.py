"""What people do with incidents."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from coalmine_aggregator.incidents.changing import MAX_ENTRIES, MAX_SEEN, MAX_TALK
from coalmine_aggregator.incidents.desk import Desk
from coalmine_aggregator.incidents.opening import Opening
from coalmine_aggregator.model.alerts import AlertClass
from coalmine_aggregator.model.incident import (
    ActionItem,
    EntryKind,
    IncidentChanges,
    IncidentState,
    Participant,
    Postmortem,
    Publication,
)
from tests.aggregator.incidents.desks import Office
from tests.aggregator.paging.alerts import NOW, alert, changed, closed, opened

UDP = alert(1, protocol="udp")
V, D, M, R, P = IncidentState
LEARNED = Postmortem(cause="A malformed packet.")


def office_in(state: IncidentState) -> Office:
    """With one incident in this state, whose alert closed before it was over."""
    office = Office()
    office.take(opened(UDP))
    if state in (R, P):
        office.take(closed(UDP, NOW + 1), at=NOW + 1)
        office.due(NOW + 1_000)
    if state is P:
        office.act(lambda desk: desk.write_up(1, LEARNED, "anna", NOW + 1_001))
    if state in (D, M):
        office.act(lambda desk: desk.update(1, state=state, who="anna", now=NOW + 1))
    assert office[1].state is state
    return office


@pytest.mark.parametrize(
    ("old", "new"),
    [(old, new) for old in (V, D, M) for new in (V, D, M, R) if old is not new] + [(R, P)],
)
def test_people_set_any_state_from_any_open_one(old: IncidentState, new: IncidentState) -> None:
    office = office_in(old)
    told = office.act(lambda desk: desk.update(1, state=new, text="So", who="ben", now=NOW + 2_000))
    assert (office[1].state, office[1].state_at, office[1].told_at) == (new, NOW + 2_000, NOW + 2_000)
    ((_, _, at, kind, who, text, state, *_),) = told.entries
    assert (at, kind, who, text, state) == (NOW + 2_000, EntryKind.STATE, "ben", "So", new)
    assert (office[1].resolved_at is None) == new.is_open


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [(old, P, "resolved before it is written up") for old in (V, D, M)]
    + [(old, new, "reopen it first") for old in (R, P) for new in (D, M)]
    + [(P, R, "reopen it first")],
)
def test_no_other_way_leads_from_state_to_state(
    old: IncidentState, new: IncidentState, why: str
) -> None:
    office = office_in(old)
    before = office[1]
    with pytest.raises(ValueError, match=f"^state: .*{why}"):
        office.desk.update(1, state=new, text="So", who="ben", now=NOW + 2_000)
    assert office.desk.find(1) == before


@pytest.mark.parametrize("old", [R, P])
@pytest.mark.parametrize(
    "act",
    [
        lambda desk: desk.reopen(1, "ben", NOW + 2_000, "It is back"),
        lambda desk: desk.update(1, state=V, text="It is back", who="ben", now=NOW + 2_000),
    ],
)
def test_what_is_over_is_reopened_by_hand(
    old: IncidentState, act: Callable[[Desk], IncidentChanges]
) -> None:
    office = office_in(old)
    (entry,) = office.act(act).entries
    assert (entry.kind, entry.who, entry.text) == (EntryKind.REOPENED, "ben", "It is back")
    assert (office[1].state, office[1].resolved_at) == (V, None)
    # Nobody but people ends it now.
    office.due(NOW + 100_000)
    assert office[1].state.is_open


def test_what_is_open_cannot_be_reopened() -> None:
    with pytest.raises(ValueError, match=r"^number: incident 1 is open"):
        office_in(D).desk.reopen(1, "ben", NOW + 2)


def test_an_update_has_words_for_people_inside_and_outside() -> None:
    office = office_in(D)
    told = office.act(
        lambda desk: desk.update(1, text=" inside\r\nmore ", public="outside", who="ben", now=NOW + 9)
    )
    (entry,) = told.entries
    assert (entry.kind, entry.text, entry.public) == (EntryKind.UPDATE, "inside\nmore", "outside")
    told = office.act(lambda desk: desk.update(1, state=D, public="still", who="ben", now=NOW + 10))
    assert told.entries[0].kind is EntryKind.UPDATE
    with pytest.raises(ValueError, match=r"^text: is empty"):
        office.desk.update(1, state=D, text=" \n ", who="ben", now=NOW + 11)


@pytest.mark.parametrize(
    ("act", "field"),
    [
        (lambda desk: desk.update(1, text="x" * 10_001, who="ben", now=NOW), "text"),
        (lambda desk: desk.update(1, public="x" * 10_001, who="ben", now=NOW), "public"),
        (lambda desk: desk.update(1, text="a\x1b[2J", who="ben", now=NOW), "text"),
        (lambda desk: desk.update(1, text="\ud800", who="ben", now=NOW), "text"),
        (lambda desk: desk.update(1, text="a", who=" ", now=NOW), "who"),
        (lambda desk: desk.update(1, text="a", who="b" * 201, now=NOW), "who"),
        (lambda desk: desk.note(1, "", "ben", NOW), "text"),
        (lambda desk: desk.title(1, "", None, "ben", NOW), "title"),
        (lambda desk: desk.title(1, "a\nb", None, "ben", NOW), "title"),
        (lambda desk: desk.title(1, "x" * 201, None, "ben", NOW), "title"),
        (lambda desk: desk.title(1, None, "x" * 201, "ben", NOW), "public_title"),
        (lambda desk: desk.title(1, None, None, "ben", NOW), "title"),
        (lambda desk: desk.merge(1, 1, "ben", NOW), "into"),
        (lambda desk: desk.merge(1, 9, "ben", NOW), "into"),
        (lambda desk: desk.merge(1, 2, "ben", NOW), "into"),
        (lambda desk: desk.publish(3, "ben", NOW), "number"),
        (lambda desk: desk.publish(4, "ben", NOW), "number"),
        (lambda desk: desk.write_up(1, Postmortem(cause="x" * 10_001), "ben", NOW), "cause"),
        (lambda desk: desk.write_up(1, Postmortem(factors=("x",) * 51), "ben", NOW), "factors"),
        (lambda desk: desk.write_up(1, Postmortem(factors=("a", "")), "ben", NOW), r"factors\[1\]"),
        (
            lambda desk: desk.write_up(1, Postmortem(people=(Participant("", "lead"),)), "ben", NOW),
            r"people\[0\]\.name",
        ),
        (
            lambda desk: desk.write_up(1, Postmortem(actions=(ActionItem("do", ""),)), "ben", NOW),
            r"actions\[0\]\.owner",
        ),
        (
            lambda desk: desk.write_up(
                1, Postmortem(actions=(ActionItem("do", "ben", "2026-02-30"),)), "ben", NOW
            ),
            r"actions\[0\]\.due",
        ),
    ],
)
def test_what_cannot_be_says_which_field_and_changes_nothing(
    act: Callable[[Desk], IncidentChanges], field: str
) -> None:
    office = Office()
    office.take(
        opened(UDP),
        opened(alert(2, service="logs")),
        opened(alert(3, service="_fleet")),
        opened(alert(4, AlertClass.BLIND)),
    )
    before = office.desk.open
    with pytest.raises(ValueError, match=f"^{field}: "):
        act(office.desk)
    assert office.desk.open == before


def test_there_is_nothing_to_do_with_what_there_is_not() -> None:
    desk = Office().desk
    acts: list[Callable[[], IncidentChanges]] = [
        lambda: desk.update(1, text="a", who="ben", now=NOW),
        lambda: desk.note(1, "a", "ben", NOW),
        lambda: desk.title(1, "a", None, "ben", NOW),
        lambda: desk.publish(1, "ben", NOW),
        lambda: desk.withhold(1, "ben", NOW),
        lambda: desk.write_up(1, LEARNED, "ben", NOW),
        lambda: desk.reopen(1, "ben", NOW),
        lambda: desk.merge(1, 2, "ben", NOW),
    ]
    for act in acts:
        with pytest.raises(KeyError):
            act()


def test_an_incident_opened_by_hand_is_moved_by_people_only() -> None:
    office = Office()
    opening = Opening(
        "ingest", "Logins fail", since=int(NOW) - 600, text="Say customers", public="Sorry"
    )
    ((incident,), (entry,)) = office.act(lambda desk: desk.open_by_hand(opening, "anna", NOW))
    assert (incident.opened_by, incident.titled_by, incident.title) == ("anna", "anna", "Logins fail")
    assert (incident.detected_in_s, incident.fleet) == (600, "default")
    assert (entry.kind, entry.who, entry.text, entry.public) == (
        EntryKind.OPENED,
        "anna",
        "Say customers",
        "Sorry",
    )
    assert [(each.alert, each.scope, each.last) for each in incident.affected] == [(0, (), None)]
    office.act(lambda desk: desk.update(1, state=M, who="anna", now=NOW + 5))
    office.due(NOW + 100_000)
    assert office[1].state is M
    office.act(lambda desk: desk.update(1, state=R, who="anna", now=NOW + 60))
    assert office[1].affected[0].last == int(NOW) + 60
    assert office[1].recovered_in_s == 660
    office.act(lambda desk: desk.reopen(1, "anna", NOW + 90))
    assert office[1].affected[0].last is None


@pytest.mark.parametrize(
    ("opening", "field"),
    [
        (Opening("", "a"), "service"),
        (Opening("In gest", "a"), "service"),
        (Opening("a" * 201, "a"), "service"),
        (Opening("ingest", " "), "title"),
        (Opening("ingest", "a", since=int(NOW) + 1), "since"),
        (Opening("ingest", "a", since=0), "since"),
        (Opening("ingest", "a", ((("colour", "red"),),)), "scopes"),
        (Opening("ingest", "a", ((("region", ""),),)), "scopes"),
        (Opening("ingest", "a", ((("region", "eu"), ("protocol", "udp")),)), "scopes"),
        (Opening("ingest", "a", ((("region", "eu"), ("region", "us")),)), "scopes"),
        (Opening("ingest", "a", ((),) * 51), "scopes"),
        (Opening("ingest", "a", public_title="x" * 201), "public_title"),
    ],
)
def test_an_opening_that_cannot_be_says_which_field(opening: Opening, field: str) -> None:
    office = Office()
    with pytest.raises(ValueError, match=f"^{field}: "):
        office.desk.open_by_hand(opening, "anna", NOW)
    assert office.desk.open == ()


def test_titles_for_people_inside_and_outside() -> None:
    office = office_in(V)
    told = office.act(lambda desk: desk.title(1, "Packets", "Trouble with UDP", "ben", NOW + 1))
    assert (office[1].title, office[1].titled_by, office[1].public_title) == (
        "Packets",
        "ben",
        "Trouble with UDP",
    )
    assert told.entries[0].text == "Title: Packets\nTitle for customers: Trouble with UDP"
    office.act(lambda desk: desk.title(1, None, "", "ben", NOW + 2))
    assert (office[1].title, office[1].public_title) == ("Packets", "")


def test_publishing_and_withholding_are_noted_once() -> None:
    office = office_in(V)
    for act, publication, kind in (
        (Desk.publish, Publication.PUBLISHED, EntryKind.PUBLISHED),
        (Desk.withhold, Publication.WITHHELD, EntryKind.WITHHELD),
    ):
        (entry,) = act(office.desk, 1, "ben", NOW + 1).entries
        assert (entry.kind, entry.who) == (kind, "ben")
        found = office.desk.find(1)
        assert found is not None
        assert found.publication is publication
        assert act(office.desk, 1, "ben", NOW + 2) == ((), ())


def test_a_post_mortem_is_drafted_while_it_goes_on_and_done_once_it_is_over() -> None:
    office = office_in(V)
    office.act(lambda desk: desk.write_up(1, Postmortem(summary=" draft "), "ben", NOW + 1))
    assert (office[1].state, office[1].postmortem.summary) == (V, "draft")
    office = office_in(R)
    office.act(lambda desk: desk.write_up(1, Postmortem(), "ben", NOW + 2_000))
    assert office[1].state is R
    (entry,) = office.act(lambda desk: desk.write_up(1, LEARNED, "ben", NOW + 2_001)).entries
    assert (entry.kind, entry.state) == (EntryKind.POSTMORTEM, P)
    assert office[1].resolved_at == NOW + 1_000


@pytest.mark.parametrize(("withheld", "then"), [(False, "published"), (True, "withheld")])
def test_what_customers_read_of_is_not_taken_from_them_by_a_merge(withheld: bool, then: str) -> None:
    """Unless a person decided so of the whole."""
    office = Office()
    tls = alert(2, protocol="tls", ordinal=2)
    office.take(opened(UDP), opened(tls))
    office.act(lambda desk: desk.publish(1, "anna", NOW + 1))
    if withheld:
        office.act(lambda desk: desk.withhold(2, "ben", NOW + 1))
    office.act(lambda desk: desk.merge(1, 2, "ben", NOW + 2))
    assert office[2].publication == then


def test_merged_by_hand_it_stays_merged() -> None:
    office = Office()
    tls = alert(2, protocol="tls", ordinal=2)
    office.take(opened(UDP), opened(tls))
    told = office.act(lambda desk: desk.merge(1, 2, "ben", NOW + 1))
    assert {(each.incident, each.kind, each.who) for each in told.entries} == {
        (1, EntryKind.MERGED, "ben"),
        (2, EntryKind.MERGED, "ben"),
    }
    assert {each.alert for each in office[2].affected} == {1, 2}
    acts: list[Callable[[], IncidentChanges]] = [
        lambda: office.desk.note(1, "a", "ben", NOW),
        lambda: office.desk.reopen(1, "ben", NOW),
        lambda: office.desk.merge(1, 2, "ben", NOW),
        lambda: office.desk.publish(1, "ben", NOW),
    ]
    for act in acts:
        with pytest.raises(ValueError, match=r"^number: incident 1 is part of incident 2"):
            act()
    with pytest.raises(ValueError, match=r"^into: is incident 1, which is part of incident 2"):
        office.desk.merge(2, 1, "ben", NOW)
    office.take(changed(UDP._replace(scope=()), NOW + 2), at=NOW + 2)
    assert office[1].merged_into == 2
    assert office.kinds(2)[-1] is EntryKind.SCOPE_CHANGED


@pytest.mark.parametrize("state", [V, D, M])
def test_what_was_only_watched_is_worked_on_again_where_the_other_loses_on(
    state: IncidentState,
) -> None:
    office, tls = office_in(M), alert(2, protocol="tls", ordinal=2)
    office.take(opened(tls), at=NOW + 2)
    if state is not V:
        office.act(lambda desk: desk.update(2, state=state, who="ben", now=NOW + 3))
    office.act(lambda desk: desk.merge(2, 1, "ben", NOW + 4))
    merged = office.kept.entries[1][-1]
    assert (office[1].state, merged.kind, merged.state) == (state, EntryKind.MERGED, state)
    office.take(closed(UDP, NOW + 60), closed(tls, NOW + 60), at=NOW + 60)
    assert office[1].state is M


def test_what_is_over_or_was_opened_by_hand_makes_nobody_work_again() -> None:
    office, tls = office_in(M), alert(2, protocol="tls", ordinal=2)
    office.take(opened(tls), at=NOW + 2)
    office.act(lambda desk: desk.update(2, state=R, who="ben", now=NOW + 3))
    office.act(lambda desk: desk.merge(2, 1, "ben", NOW + 4))
    assert office[1].state is M
    office.act(lambda desk: desk.open_by_hand(Opening("ingest", "Slow"), "ben", NOW + 5))
    office.act(lambda desk: desk.update(3, state=M, who="ben", now=NOW + 6))
    office.take(opened(alert(3, protocol="https", ordinal=3)), at=NOW + 7)
    office.act(lambda desk: desk.merge(4, 3, "ben", NOW + 8))
    assert office[3].state is M


def test_what_goes_on_is_not_merged_into_what_is_over() -> None:
    office = office_in(R)
    office.take(opened(alert(2, protocol="tls")), at=NOW + 2_000)
    with pytest.raises(ValueError, match=r"^into: is incident 1, which is resolved"):
        office.desk.merge(2, 1, "ben", NOW + 2_001)
    office.act(lambda desk: desk.merge(1, 2, "ben", NOW + 2_002))
    assert (office[2].since, office[2].opened_at) == (int(NOW) - 3, NOW)


def test_what_is_written_up_is_not_merged_away() -> None:
    office = office_in(P)
    office.take(opened(alert(2, protocol="tls")), at=NOW + 2_000)
    with pytest.raises(ValueError, match=r"^number: incident 1 is written up"):
        office.desk.merge(1, 2, "ben", NOW + 2_001)


def test_a_full_timeline_keeps_room_for_people_and_says_so() -> None:
    office = office_in(V)
    scope = UDP.scope
    for n in range(MAX_ENTRIES):
        at = NOW + n
        scope = UDP.scope if n % 2 else ()
        office.take(changed(UDP._replace(scope=scope), at), at=at)
    last = office.kept.entries[1][-1]
    assert (last.sequence, last.kind) == (MAX_SEEN, EntryKind.NOTE)
    assert "not noted here any more" in last.text
    assert office[1].affected[0].scope == scope
    for n in range(MAX_SEEN, MAX_TALK):
        office.act(lambda desk, n=n: desk.note(1, str(n), "ben", NOW + n))  # type: ignore[misc]
    with pytest.raises(ValueError, match=r"^number: the timeline of incident 1 is full: 9,900"):
        office.desk.update(1, text="a", who="ben", now=NOW)
    # It can still be brought to its end.
    for state in (D, M, R, P):
        office.act(lambda desk, state=state: desk.update(1, state=state, who="ben", now=NOW))  # type: ignore[misc]
    for _ in range(MAX_ENTRIES - office[1].entries):
        act = (
            office.desk.withhold
            if office[1].publication is not Publication.WITHHELD
            else office.desk.publish
        )
        office.kept.put(act(1, "ben", NOW))
    with pytest.raises(ValueError, match=r"full: 10,000"):
        office.desk.reopen(1, "ben", NOW)
