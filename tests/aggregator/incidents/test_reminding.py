"""Who is reminded of incidents that nobody says anything of."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coalmine_aggregator.alerts.machine import State, step
from coalmine_aggregator.incidents.desk import Desk
from coalmine_aggregator.incidents.policy import IncidentPolicy
from coalmine_aggregator.incidents.reminding import AWAY_S
from coalmine_aggregator.model.alerts import AlertClass, Change, Severity
from coalmine_aggregator.model.incident import IncidentChanges, IncidentState, Postmortem
from tests.aggregator.incidents.desks import Office
from tests.aggregator.paging.alerts import NOW, acknowledged, alert, closed, opened

UDP = alert(1, protocol="udp")
REMIND_S = 1_800.0


def silent() -> Office:
    office = Office()
    office.take(opened(UDP))
    return office


def test_a_ticket_tells_what_to_do_after_half_an_hour() -> None:
    desk = silent().desk
    assert desk.reminders(NOW + REMIND_S - 0.1) == []
    (found,) = desk.reminders(NOW + REMIND_S)
    assert (found.alert_class, found.severity) == (AlertClass.UPDATE_DUE, Severity.TICKET)
    assert (found.service, found.handle, found.since) == ("ingest", "incident-1", int(NOW))
    assert found.note == "incident 1 has had no update for 30 min: coalmine incidents update 1"


def test_it_is_told_again_each_half_hour() -> None:
    """The alert machine, asked once a second as it is, closes the ticket and opens another."""
    desk, state, told = silent().desk, State("test"), []
    for second in range(int(3.5 * REMIND_S)):
        now = NOW + second
        state, transitions = step(state, desk.reminders(now), {}, now)
        told += [(each.change, each.at - NOW) for each in transitions]
    assert told == [
        (Change.OPENED, REMIND_S),
        (Change.CLOSED, 2 * REMIND_S),
        (Change.OPENED, 2 * REMIND_S + AWAY_S),
        (Change.CLOSED, 3 * REMIND_S),
        (Change.OPENED, 3 * REMIND_S + AWAY_S),
    ]


@pytest.mark.parametrize(
    "act",
    [
        lambda desk: desk.update(1, text="We look", who="ben", now=NOW + 100),
        lambda desk: desk.update(1, state=IncidentState.IDENTIFIED, who="ben", now=NOW + 100),
        lambda desk: desk.note(1, "We look", "ben", NOW + 100),
        lambda desk: desk.title(1, "Packets", None, "ben", NOW + 100),
        lambda desk: desk.publish(1, "ben", NOW + 100),
        lambda desk: desk.withhold(1, "ben", NOW + 100),
        lambda desk: desk.write_up(1, Postmortem(summary="Draft"), "ben", NOW + 100),
    ],
)
def test_whatever_a_person_says_puts_it_off(act: Callable[[Desk], IncidentChanges]) -> None:
    office = silent()
    office.act(act)
    assert office.desk.reminders(NOW + REMIND_S + 99) == []
    assert len(office.desk.reminders(NOW + REMIND_S + 100)) == 1


def test_what_alerts_do_and_who_takes_them_puts_nothing_off() -> None:
    office = silent()
    office.take(acknowledged(UDP, NOW + 5), at=NOW + 5)
    office.take(closed(UDP, NOW + 1_500), at=NOW + 1_500)
    # Monitored, it is open.
    assert len(office.desk.reminders(NOW + REMIND_S)) == 1
    office.due(NOW + 2_100)
    assert office.desk.reminders(NOW + 2_101) == []


def test_nobody_is_reminded_where_that_is_off() -> None:
    office = Office(IncidentPolicy(remind_s=0.0))
    office.take(opened(UDP))
    assert office.desk.reminders(NOW + 100_000) == []


@given(st.integers(0, int(20 * REMIND_S) * 8), st.integers(60, 7_200))
def test_a_restart_reminds_as_if_there_had_been_none(eighths: int, remind_s: int) -> None:
    after_s = eighths / 8  # exact, also after an epoch
    office = Office(IncidentPolicy(remind_s=float(remind_s)))
    office.take(opened(UDP))
    before = office.desk.reminders(NOW + after_s)
    office.restart([UDP], NOW + after_s)
    assert office.desk.reminders(NOW + after_s) == before
    assert bool(before) == (
        after_s >= remind_s and (after_s < 2 * remind_s or after_s % remind_s >= AWAY_S)
    )


def test_a_clock_that_was_ahead_costs_no_reminder_once_somebody_speaks() -> None:
    office = Office()
    office.take(opened(UDP))
    office.act(lambda desk: desk.note(1, "at it", "anna", NOW + 86_400))
    office.act(lambda desk: desk.note(1, "its clock is right again", "anna", NOW + 60))
    assert office.desk.reminders(NOW + 60 + REMIND_S - 1) == []
    assert office.desk.reminders(NOW + 60 + REMIND_S)
