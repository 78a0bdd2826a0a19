"""Escalation: who is called while nobody answers."""

from __future__ import annotations

from datetime import datetime

from coalmine_aggregator.paging.escalation import Policy, Step
from coalmine_aggregator.paging.match import Match
from coalmine_aggregator.paging.policy import Route
from coalmine_aggregator.paging.rota import Override
from coalmine_aggregator.paging.target import Target
from tests.aggregator.paging.alerts import (
    NOW,
    acknowledged,
    alert,
    changed,
    closed,
    dispatch,
    hearing,
    opened,
    told,
    told_by,
)
from tests.aggregator.paging.rules import (
    ACKNOWLEDGED,
    CHANGED,
    CHAT,
    CLOSED,
    HANDOVER,
    LATE,
    MAIL,
    OPENED,
    PAGER,
    POLICY,
    TICKET,
    silence,
)


def test_an_escalation_climbs_until_somebody_answers() -> None:
    paging = dispatch(POLICY)
    assert hearing(paging.take([opened(alert())], NOW)[0].orders) == {"pager", "mail:anna"}
    assert paging.due(NOW + 599) == []
    assert told(paging.due(NOW + 600)) == [(OPENED, "sms", "anna", 1, 0)]
    assert told(paging.due(NOW + 900)) == [(OPENED, "voice", "anna", 2, 0)]
    assert told(paging.due(NOW + 1_200)) == [(OPENED, "voice", "anna", 2, 1)]
    answer = paging.take([acknowledged(alert())], NOW + 1_300)[0].orders
    assert hearing(answer, ACKNOWLEDGED) == {"pager", "mail:anna"}
    assert paging.due(NOW + 1e5) == []
    end = paging.take([closed(alert())], NOW + 1e5)[0].orders
    assert hearing(end, CLOSED) == {"pager", "mail:anna", "sms:anna"}


def test_an_escalation_begins_when_somebody_was_first_told() -> None:
    paging = dispatch(POLICY, silences=[silence(NOW + 3_000)])
    paging.take([opened(alert())], NOW)
    assert hearing(paging.due(NOW + 3_000)) == {"pager", "mail:anna"}
    assert paging.due(NOW + 3_599) == []
    assert hearing(paging.due(NOW + 3_600)) == {"sms:anna"}


def test_steps_that_are_due_during_a_hold_are_told_at_its_end_and_no_repeat_twice() -> None:
    paging = dispatch(POLICY)
    paging.take([opened(alert())], NOW)
    paging.put_silence(silence(NOW + 1_600), NOW + 60)
    assert paging.due(NOW + 1_599) == []
    assert told(paging.due(NOW + 1_600)) == [
        (OPENED, "sms", "anna", 1, 0),
        (OPENED, "voice", "anna", 2, 2),
    ]
    assert told(paging.due(NOW + 1_800)) == [(OPENED, "voice", "anna", 2, 3)]


def test_a_page_that_nobody_answers_goes_on_with_whoever_takes_over() -> None:
    paging = dispatch(POLICY)
    t = HANDOVER - 1_000
    assert hearing(paging.take([opened(alert())], t)[0].orders) == {"pager", "mail:anna"}
    assert hearing(paging.due(t + 600)) == {"sms:anna"}
    assert hearing(paging.due(t + 900)) == {"voice:anna"}
    assert told(paging.due(t + 1_200)) == [(OPENED, "voice", "ben", 2, 1)]
    change = paging.take([changed(alert())], t + 1_201)[0].orders
    assert (hearing(change), hearing(change, CHANGED)) == (set(), {"pager", "mail:anna"})


def test_an_override_over_a_handover_is_who_is_called() -> None:
    at = Override("cem", datetime(2025, 11, 25, 9, 55), datetime(2025, 11, 25, 10, 10))  # noqa: DTZ001
    rota = POLICY.rotas["oncall"]._replace(overrides=(at,))
    paging = dispatch(POLICY._replace(rotas={"oncall": rota}))
    assert hearing(paging.take([opened(alert())], HANDOVER - 400)[0].orders) == {"pager", "mail:anna"}
    assert hearing(paging.due(HANDOVER + 200)) == {"sms:cem"}
    assert hearing(paging.due(HANDOVER + 500)) == {"voice:cem"}
    assert hearing(paging.due(HANDOVER + 800)) == {"voice:ben"}


def test_somebody_who_is_named_beside_their_rota_hears_once_and_the_rota_too() -> None:
    both = Route(to=(Target("mail", "anna"), MAIL))
    paging = dispatch(POLICY._replace(routes=(both,)))
    assert hearing(paging.take([opened(alert(1))], HANDOVER - 1)[0].orders) == {"mail:anna"}
    after = paging.take([opened(alert(2, ordinal=2))], HANDOVER)[0].orders
    assert hearing(after) == {"mail:anna", "mail:ben"}


def test_a_ticket_that_becomes_a_page_after_it_was_acknowledged_climbs_anew() -> None:
    paging = dispatch(POLICY)
    ticket = alert(severity=TICKET)
    paging.take([opened(ticket)], NOW)
    assert hearing(paging.due(NOW + 600)) == {"sms:anna"}
    paging.take([acknowledged(ticket)], NOW + 700)
    rise = paging.take([changed(alert())], NOW + 5_000)[0].orders
    assert hearing(rise, CHANGED) == {"pager", "mail:anna"}
    assert paging.due(NOW + 5_599) == []
    assert told(paging.due(NOW + 5_600)) == [(OPENED, "sms", "anna", 1, 0)]


def test_an_acknowledged_alert_tells_changes_to_whoever_was_told_and_calls_nobody_else() -> None:
    eu = Match(labels=(("region", "eu"),))
    policy = POLICY._replace(routes=(Route(eu, (CHAT,)), *POLICY.routes))
    paging = dispatch(policy)
    paging.take([opened(alert(region="eu"))], NOW)
    paging.take([acknowledged(alert(region="eu"))], NOW + 1)
    wider = alert()._replace(acknowledged_at=NOW + 1, acknowledged_by="anna")
    assert told_by(paging.take([changed(wider)], NOW + 2)) == [(CHANGED, "chat", "", 0, 0)]
    assert paging.due(NOW + 1e5) == []


def test_two_escalations_of_one_alert_have_steps_of_their_own() -> None:
    policy = POLICY._replace(
        routes=(
            Route(to=(CHAT,), escalation="late", goes_on=True),
            Route(to=(PAGER,), escalation="boss"),
        ),
        escalations={"late": LATE, "boss": Policy((Step(600, (Target("sms", "oncall"),)),))},
    )
    paging = dispatch(policy)
    paging.take([opened(alert())], NOW)
    assert told(paging.due(NOW + 600)) == [
        (OPENED, "sms", "anna", 1, 0),
        (OPENED, "sms", "anna", 21, 0),
    ]
