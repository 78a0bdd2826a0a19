"""A fault of ours: whoever it concerns goes to everybody, and nothing else suffers."""

from __future__ import annotations

from datetime import date
from zoneinfo import ZoneInfo

import pytest

from coalmine_aggregator.model.alerts import Alert, Change
from coalmine_aggregator.paging.dispatch import AGAIN_S, Dispatch
from coalmine_aggregator.paging.escalation import Policy, Step
from coalmine_aggregator.paging.match import Match
from coalmine_aggregator.paging.person import Person
from coalmine_aggregator.paging.policy import PagingPolicy, Route
from coalmine_aggregator.paging.rota import Rota
from coalmine_aggregator.paging.routing import everybody
from coalmine_aggregator.paging.silence import Silence, SilenceKind
from coalmine_aggregator.paging.target import Addressee, Target
from tests.aggregator.paging.alerts import (
    NOW,
    RECEIVERS,
    acknowledged,
    alert,
    changed,
    closed,
    hearing,
    opened,
    told,
    told_by,
)

OPENED, CHANGED, CLOSED = Change.OPENED, Change.CHANGED, Change.CLOSED


class BrokenMatch(Match):
    """Fails for one service."""

    def takes(self, alert: Alert) -> bool:
        if alert.service == "broken":
            raise ZeroDivisionError
        return True


NOBODY = Rota((), ZoneInfo("UTC"), date(2025, 11, 18))
POLICY = PagingPolicy(
    RECEIVERS,
    (Route(BrokenMatch(), (Target("pager"),), escalation="late"),),
    {"late": Policy((Step(600, (Target("sms", "anna"), Target("sms", "nobody"))),))},
    {"nobody": NOBODY},  # as no check would let it through
)


@pytest.fixture
def faults() -> list[int]:
    return []


@pytest.fixture
def paging(faults: list[int]) -> Dispatch:
    return Dispatch(POLICY, (), (), (), NOW, lambda of, error: faults.append(of.number))


def test_what_cannot_be_routed_goes_to_everybody_and_the_others_where_they_should(
    paging: Dispatch, faults: list[int]
) -> None:
    right, wrong = alert(1), alert(2, service="broken")
    first, second = paging.take([opened(right), opened(wrong)], NOW)
    assert told(first.orders) == [(OPENED, "pager", "", 0, 0)]
    assert hearing(second.orders) == {"chat", "pager"}
    assert faults == [2]
    assert told_by(paging.take([changed(wrong)], NOW + 1)) == [
        (CHANGED, "chat", "", 0, 0),
        (CHANGED, "pager", "", 0, 0),
    ]
    assert told_by(paging.take([closed(wrong)], NOW + 2)) == [
        (CLOSED, "chat", "", 0, 0),
        (CLOSED, "pager", "", 0, 0),
    ]
    assert told_by(paging.take([closed(right)], NOW + 2)) == [(CLOSED, "pager", "", 0, 0)]


def test_a_step_that_fails_goes_to_those_who_have_not_heard_and_loses_no_other(
    paging: Dispatch, faults: list[int]
) -> None:
    paging.take([opened(alert(1)), opened(alert(2))], NOW)
    orders = paging.due(NOW + 600)
    assert faults == [1, 2]
    assert told(orders) == [(OPENED, "chat", "", 0, 0)] * 2
    # It is tried again now and then, and nobody hears the same twice.
    assert paging.due(NOW + 601) == []
    assert paging.due(NOW + 600 + AGAIN_S) == []
    assert faults == [1, 2, 1, 2]


def test_a_start_gets_over_a_fault_as_well(faults: list[int]) -> None:
    wrong = alert(2, service="broken")
    again = Dispatch(POLICY, [opened(wrong)], (), (), NOW, lambda of, error: faults.append(of.number))
    assert faults == [2]
    assert hearing(again.take([acknowledged(wrong)], NOW)[0].orders) == set()


def test_the_end_of_an_alert_that_was_never_taken_goes_to_all_who_hear_it(
    paging: Dispatch,
) -> None:
    assert told_by(paging.take([closed(alert(7))], NOW)) == [
        (CLOSED, "chat", "", 0, 0),
        (CLOSED, "pager", "", 0, 0),
    ]


def test_where_every_receiver_needs_a_person_everybody_is_all_people() -> None:
    people = {"anna": Person(phone="+353861234567"), "ben": Person(mail="ben@example.com")}
    receivers = {name: RECEIVERS[name] for name in ("mail", "sms")}
    assert everybody(PagingPolicy(receivers, people=people)) == [
        Addressee("mail", "ben"),
        Addressee("sms", "anna"),
    ]


def test_an_alert_that_changes_all_day_under_a_silence_fills_no_queue() -> None:
    policy = PagingPolicy(RECEIVERS)
    silence = Silence(
        "s", SilenceKind.SILENCE, Match(services=("*",)), "anna", "known", NOW, NOW + 86_400, NOW
    )
    paging = Dispatch(policy, (), (), [silence], NOW)
    of = alert()
    paging.take([opened(of)], NOW)
    for second in range(5_000):
        assert told_by(paging.take([changed(of, NOW + second)], NOW + second)) == []
    assert paging.queued < 2_000
    assert hearing(paging.due(NOW + 86_400)) == {"chat", "pager"}
