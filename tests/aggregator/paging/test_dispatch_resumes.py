"""Clocks that are set and restarts: nothing is told twice, and nothing is left out."""

from __future__ import annotations

from coalmine_aggregator.paging.policy import PagingPolicy, Route
from tests.aggregator.paging.alerts import (
    NOW,
    RECEIVERS,
    alert,
    changed,
    closed,
    dispatch,
    hearing,
    made,
    opened,
    told,
)
from tests.aggregator.paging.rules import (
    CHANGED,
    CHAT,
    CLOSED,
    HANDOVER,
    MAIL,
    MORNING,
    OFFICE,
    OPENED,
    PAGER,
    POLICY,
    TICKET,
    TWO,
    silence,
)


def test_a_clock_that_is_set_back_delays_no_step() -> None:
    paging = dispatch(POLICY)
    paging.take([opened(alert())], NOW)
    assert paging.due(NOW + 500) == []
    assert paging.due(NOW - 10_000) == []
    assert paging.due(NOW - 10_000 + 99) == []
    assert told(paging.due(NOW - 10_000 + 100)) == [(OPENED, "sms", "anna", 1, 0)]


def test_a_clock_that_is_set_back_over_a_handover_tells_nobody_anew() -> None:
    paging = dispatch(POLICY)
    assert hearing(paging.take([opened(alert())], HANDOVER + 5)[0].orders) == {"pager", "mail:ben"}
    assert paging.due(HANDOVER - 100) == []
    assert told(paging.due(HANDOVER + 500)) == [(OPENED, "sms", "ben", 1, 0)]


def test_a_clock_that_is_set_back_over_an_opening_hour_repeats_nothing() -> None:
    paging = dispatch(PagingPolicy(RECEIVERS, (Route(to=(CHAT,), hours=OFFICE),)))
    paging.take([opened(alert())], MORNING - 10)
    assert hearing(paging.due(MORNING)) == {"chat"}
    assert paging.due(MORNING - 5) == []
    assert paging.due(MORNING + 1) == []


def test_a_clock_that_is_set_forward_calls_each_step_once() -> None:
    paging = dispatch(POLICY)
    paging.take([opened(alert())], NOW)
    assert told(paging.due(NOW + 86_400)) == [
        (OPENED, "sms", "ben", 1, 0),
        (OPENED, "voice", "ben", 2, 11),
    ]
    assert paging.due(NOW + 1e7) == []


def test_a_clock_that_is_set_back_shuts_hours_again() -> None:
    paging = dispatch(PagingPolicy(RECEIVERS, (Route(to=(CHAT,), hours=OFFICE),)))
    paging.take([opened(alert(1))], MORNING)
    assert paging.take([opened(alert(2, ordinal=2))], MORNING - 60)[0].orders == ()
    assert hearing(paging.due(MORNING)) == {"chat"}


def test_after_a_restart_nothing_that_was_told_is_told_again_and_steps_go_on() -> None:
    paging = dispatch(POLICY)
    notices = [made(each, NOW) for each in paging.take([opened(alert())], NOW)[0].orders]
    notices += [made(each, NOW + 600) for each in paging.due(NOW + 600)]
    again = dispatch(POLICY, [opened(alert())], notices, now=NOW + 800)
    assert again.due(NOW + 899) == []
    assert told(again.due(NOW + 900)) == [(OPENED, "voice", "anna", 2, 0)]
    assert hearing(again.take([closed(alert())], NOW + 901)[0].orders, CLOSED) == {
        "pager",
        "mail:anna",
        "sms:anna",
    }


def test_after_a_restart_a_page_that_was_a_ticket_is_told_and_climbs_as_a_page() -> None:
    paging = dispatch(POLICY)
    ticket = alert(severity=TICKET)
    notices = [made(each, NOW) for each in paging.take([opened(ticket)], NOW)[0].orders]
    notices += [made(each, NOW + 600) for each in paging.due(NOW + 600)]
    again = dispatch(POLICY, [changed(alert(), NOW + 650)], notices, now=NOW + 700)
    told_as_page = told(again.due(NOW + 700))
    assert (CHANGED, "pager", "", 0, 0) in told_as_page
    assert again.due(NOW + 1_299) == []
    assert told(again.due(NOW + 1_300)) == [(OPENED, "sms", "anna", 1, 0)]


def test_after_a_restart_over_a_handover_nobody_is_told_anew() -> None:
    paging = dispatch(POLICY)
    notices = [made(each, NOW) for each in paging.take([opened(alert())], NOW)[0].orders]
    policy = POLICY._replace(escalations={}, routes=(Route(to=(PAGER, MAIL)),))
    again = dispatch(policy, [opened(alert())], notices, now=HANDOVER)
    assert again.due(HANDOVER + 1e5) == []


def test_a_hold_that_ended_while_nobody_ran_is_made_good_at_the_start() -> None:
    again = dispatch(TWO, [opened(alert())], [], [silence()], now=NOW + 700)
    assert hearing(again.due(NOW + 700)) == {"chat", "pager"}


def test_a_change_that_was_held_over_a_restart_is_told_after_the_hold() -> None:
    paging = dispatch(TWO)
    notices = [made(each, NOW) for each in paging.take([opened(alert())], NOW)[0].orders]
    again = dispatch(TWO, [changed(alert(), NOW + 50)], notices, [silence()], now=NOW + 60)
    assert again.due(NOW + 599) == []
    assert hearing(again.due(NOW + 600), CHANGED) == {"chat", "pager"}


def test_a_receiver_that_is_new_hears_what_is_open_and_one_that_is_gone_nothing() -> None:
    paging = dispatch(TWO)
    notices = [made(each, NOW) for each in paging.take([opened(alert())], NOW)[0].orders]
    receivers = {"pager": RECEIVERS["pager"], "opsgenie": RECEIVERS["pager"]}
    again = dispatch(PagingPolicy(receivers), [opened(alert())], notices, now=NOW + 60)
    assert hearing(again.due(NOW + 60)) == {"opsgenie"}
    end = again.take([closed(alert())], NOW + 61)[0].orders
    assert hearing(end, CLOSED) == {"pager", "opsgenie"}


def test_a_clock_that_was_set_back_over_a_restart_delays_a_step_by_its_own_delay_at_most() -> None:
    paging = dispatch(POLICY)
    notices = [made(each, NOW) for each in paging.take([opened(alert())], NOW)[0].orders]
    again = dispatch(POLICY, [opened(alert())], notices, now=NOW - 7_200)
    assert again.due(NOW - 7_200) == []
    assert hearing(again.due(NOW - 7_200 + 600)) == {"sms:anna"}
