"""Who is told, and when: the rules one by one."""

from __future__ import annotations

from datetime import date, datetime, time
from time import process_time
from zoneinfo import ZoneInfo

import pytest

from coalmine_aggregator.model.alerts import AlertClass, Change, Severity
from coalmine_aggregator.paging.dispatch import AT_ONCE
from coalmine_aggregator.paging.escalation import Policy, Step
from coalmine_aggregator.paging.hours import Hours
from coalmine_aggregator.paging.match import Match
from coalmine_aggregator.paging.order import Hold, HoldKind
from coalmine_aggregator.paging.policy import PagingPolicy, Route
from coalmine_aggregator.paging.rota import Override, Rota
from coalmine_aggregator.paging.silence import Silence, SilenceKind
from coalmine_aggregator.paging.target import Target
from tests.aggregator.paging.alerts import (
    NOW,
    RECEIVERS,
    acknowledged,
    alert,
    changed,
    closed,
    dispatch,
    hearing,
    made,
    opened,
    told,
    told_by,
)

UTC = ZoneInfo("UTC")
OPENED, CHANGED = Change.OPENED, Change.CHANGED
ACKNOWLEDGED, CLOSED = Change.ACKNOWLEDGED, Change.CLOSED
CHAT, PAGER, MAIL = Target("chat"), Target("pager"), Target("mail", "oncall")
TICKET = Severity.TICKET
HANDOVER = datetime(2025, 11, 25, 10, tzinfo=UTC).timestamp()  # a tuesday, 18 hours after NOW
# From Monday 17:00 on, an hour after NOW, until Tuesday 09:00 nobody is there.
OFFICE = Hours((0, 1, 2, 3, 4), time(9), time(17), UTC)
MORNING = datetime(2025, 11, 25, 9, tzinfo=UTC).timestamp()
EVENING = NOW + 3_600

LATE = Policy(
    (
        Step(600, (Target("sms", "oncall"),)),
        Step(900, (Target("voice", "oncall"),), 300, 12),
    )
)
POLICY = PagingPolicy(
    RECEIVERS,
    (Route(to=(PAGER, MAIL), escalation="late"),),
    {"late": LATE},
    {"oncall": Rota(("anna", "ben"), UTC, date(2025, 11, 18))},
)
TWO = PagingPolicy(RECEIVERS, (Route(to=(CHAT, PAGER)),))


def silence(
    end: float = NOW + 600, first: float = NOW, id_: str = "s1", kind: SilenceKind = SilenceKind.SILENCE
) -> Silence:
    return Silence(id_, kind, Match(services=("ingest",)), "anna", "known", first, end, NOW)


# What opens, changes and closes.


def test_every_change_goes_to_whoever_was_told_and_whose_kind_wants_it() -> None:
    policy = POLICY._replace(routes=(Route(to=(PAGER, Target("sms", "anna"))),))
    paging = dispatch(policy)
    of = alert()
    assert told_by(paging.take([opened(of)], NOW)) == [
        (OPENED, "pager", "", 0, 0),
        (OPENED, "sms", "anna", 0, 0),
    ]
    assert told_by(paging.take([changed(of)], NOW + 1)) == [(CHANGED, "pager", "", 0, 0)]
    assert told_by(paging.take([acknowledged(of)], NOW + 2)) == [(ACKNOWLEDGED, "pager", "", 0, 0)]
    assert told_by(paging.take([closed(of)], NOW + 3)) == [
        (CLOSED, "pager", "", 0, 0),
        (CLOSED, "sms", "anna", 0, 0),
    ]
    assert paging.due(NOW + 1e6) == []


def test_a_change_at_the_very_time_of_the_opening_is_told() -> None:
    paging = dispatch(TWO)
    of = alert()
    one, other = paging.take([opened(of), changed(of._replace(cause=of.cause))], NOW)
    assert hearing(one.orders) == {"chat", "pager"}
    assert hearing(other.orders, CHANGED) == {"chat", "pager"}


def test_a_target_that_two_routes_have_is_told_once() -> None:
    policy = PagingPolicy(RECEIVERS, (Route(to=(CHAT,), goes_on=True), Route(to=(CHAT, PAGER))))
    assert told_by(dispatch(policy).take([opened(alert())], NOW)) == [
        (OPENED, "chat", "", 0, 0),
        (OPENED, "pager", "", 0, 0),
    ]


def test_the_same_key_under_another_number_is_another_alert() -> None:
    paging = dispatch(TWO, silences=[silence()])
    paging.take([opened(alert(1))], NOW)
    first, second = paging.take([closed(alert(1)), opened(alert(2))], NOW + 700)
    assert first.orders == ()  # it was never told
    assert hearing(second.orders) == {"chat", "pager"}
    assert {each.transition.alert.number for each in second.orders} == {2}


def test_a_scope_that_other_routes_take_reaches_their_targets_as_an_opening() -> None:
    eu = Match(labels=(("region", "eu"),))
    paging = dispatch(PagingPolicy(RECEIVERS, (Route(eu, (CHAT,)), Route(to=(PAGER,)))))
    assert hearing(paging.take([opened(alert(region="eu"))], NOW)[0].orders) == {"chat"}
    wider = paging.take([changed(alert())], NOW + 1)[0].orders
    assert (hearing(wider), hearing(wider, CHANGED)) == ({"pager"}, {"chat"})
    assert hearing(paging.take([closed(alert())], NOW + 2)[0].orders, CLOSED) == {"chat", "pager"}


def test_a_ticket_that_becomes_a_page_is_told_as_one() -> None:
    tickets = Match(severities=(TICKET,))
    policy = PagingPolicy(
        RECEIVERS,
        (Route(tickets, (CHAT, Target("sms", "ben"))), Route(to=(CHAT, PAGER, Target("sms", "ben")))),
    )
    paging = dispatch(policy)
    paging.take([opened(alert(severity=TICKET))], NOW)
    rise = paging.take([changed(alert())], NOW + 1)[0].orders
    # Who shows changes sees it change; a text message does not, and is sent anew.
    assert (hearing(rise), hearing(rise, CHANGED)) == ({"pager", "sms:ben"}, {"chat"})


def test_somebody_who_was_told_by_name_is_not_told_again_as_the_one_on_call() -> None:
    policy = POLICY._replace(
        routes=(
            Route(to=(Target("mail", "ben"),), goes_on=True),
            Route(to=(MAIL,), hours=OFFICE._replace(opens=time(11))),
        )
    )
    paging = dispatch(policy)
    assert hearing(paging.take([opened(alert())], EVENING)[0].orders) == {"mail:ben"}
    assert paging.due(HANDOVER + 3_600) == []  # 11:00, and ben has taken over


# Holds.


def test_a_silenced_alert_is_told_once_the_silence_is_over() -> None:
    paging = dispatch(TWO, silences=[silence()])
    assert told_by(paging.take([opened(alert())], NOW)) == []
    assert paging.holds(NOW) == {1: Hold(HoldKind.SILENCE, NOW + 600, "s1", "anna", "known")}
    assert paging.take([changed(alert(protocol="udp"))], NOW + 5)[0].orders == ()
    assert paging.due(NOW + 599.9) == []
    orders = paging.due(NOW + 600)
    assert hearing(orders) == {"chat", "pager"}
    assert len(orders) == 2  # as an opening only, and as the alert stands
    assert {each.transition.alert.scope for each in orders} == {(("protocol", "udp"),)}
    assert paging.holds(NOW + 600) == {}
    assert paging.due(NOW + 6_000) == []


def test_what_closes_during_a_hold_or_as_it_ends_is_never_told() -> None:
    paging = dispatch(TWO, silences=[silence()])
    paging.take([opened(alert())], NOW)
    assert paging.take([closed(alert())], NOW + 600)[0].orders == ()
    assert paging.due(NOW + 600) == []


def test_what_is_acknowledged_during_a_hold_is_not_told_at_its_end() -> None:
    paging = dispatch(TWO, silences=[silence()])
    paging.take([opened(alert())], NOW)
    paging.take([acknowledged(alert())], NOW + 5)
    assert paging.holds(NOW + 6) == {}
    assert paging.due(NOW + 600) == []


def test_a_change_that_is_held_is_not_told_at_the_end_of_what_was_acknowledged() -> None:
    paging = dispatch(TWO)
    paging.take([opened(alert())], NOW)
    paging.put_silence(silence(), NOW + 1)
    paging.take([acknowledged(alert())], NOW + 2)
    of = alert()._replace(acknowledged_at=NOW + 2, acknowledged_by="anna")
    assert paging.take([changed(of)], NOW + 3)[0].orders == ()
    assert paging.due(NOW + 600) == []


def test_a_silence_that_begins_later_holds_changes_but_neither_answer_nor_end() -> None:
    paging = dispatch(TWO)
    of = alert()
    paging.take([opened(of)], NOW)
    paging.put_silence(silence(NOW + 600), NOW + 1)
    assert paging.take([changed(of)], NOW + 2)[0].orders == ()
    assert paging.take([changed(of)], NOW + 3)[0].orders == ()
    assert told(paging.due(NOW + 600)) == [(CHANGED, "chat", "", 0, 0), (CHANGED, "pager", "", 0, 0)]
    paging.put_silence(silence(NOW + 900), NOW + 601)
    assert hearing(paging.take([acknowledged(of)], NOW + 602)[0].orders, ACKNOWLEDGED)
    assert hearing(paging.take([closed(of)], NOW + 603)[0].orders, CLOSED) == {"chat", "pager"}


def test_two_silences_hold_until_the_later_is_over_and_one_that_is_ended_by_hand_no_longer() -> None:
    paging = dispatch(TWO, silences=[silence(), silence(NOW + 900, id_="s2")])
    paging.take([opened(alert())], NOW)
    assert paging.due(NOW + 600) == []
    ended = paging.end_silence("s2", "ben", NOW + 700)
    assert (ended.ended_at, ended.ended_by) == (NOW + 700, "ben")
    assert hearing(paging.due(NOW + 700)) == {"chat", "pager"}


def test_a_silence_that_is_made_shorter_ends_sooner() -> None:
    paging = dispatch(TWO, silences=[silence(NOW + 9_000)])
    paging.take([opened(alert())], NOW)
    paging.put_silence(silence(NOW + 60), NOW + 1)
    assert paging.due(NOW + 59) == []
    assert hearing(paging.due(NOW + 60)) == {"chat", "pager"}


def test_maintenance_in_the_future_holds_what_opens_in_it_alone() -> None:
    paging = dispatch(TWO)
    window = silence(NOW + 200, NOW + 100, kind=SilenceKind.MAINTENANCE)
    paging.put_silence(window, NOW)
    assert hearing(paging.take([opened(alert(1))], NOW + 99)[0].orders) == {"chat", "pager"}
    assert paging.take([opened(alert(2, ordinal=2))], NOW + 100)[0].orders == ()
    assert paging.holds(NOW + 100)[2].kind is HoldKind.MAINTENANCE
    assert paging.silences(NOW + 100) == [window]
    orders = paging.due(NOW + 200)
    assert {each.transition.alert.number for each in orders} == {2}
    assert paging.silences(NOW + 200) == []


def test_a_loss_holds_tickets_within_it_also_where_they_open_first() -> None:
    paging = dispatch(TWO)
    late = alert(1, AlertClass.LATE, TICKET, protocol="udp")
    loss = alert(2)
    first, second = paging.take([opened(late), opened(loss)], NOW)
    assert (hearing(first.orders), hearing(second.orders)) == (set(), {"chat", "pager"})
    assert paging.holds(NOW) == {1: Hold(HoldKind.INHIBITED, None, "ingest-loss-1")}
    assert paging.due(NOW + 10) == []
    paging.take([closed(loss)], NOW + 20)
    orders = paging.due(NOW + 20)
    assert {each.transition.alert.number for each in orders} == {1}
    assert paging.holds(NOW + 20) == {}


def test_a_loss_that_moves_elsewhere_or_ends_with_the_ticket_holds_it_no_longer() -> None:
    paging = dispatch(TWO)
    late = alert(1, AlertClass.LATE, TICKET, protocol="udp")
    paging.take([opened(late), opened(alert(2))], NOW)
    paging.take([changed(alert(2, protocol="tcp"))], NOW + 5)
    assert hearing(paging.due(NOW + 5)) == {"chat", "pager"}
    other = alert(3, AlertClass.SLOW, TICKET, protocol="tcp")
    paging.take([opened(other)], NOW + 6)
    ended = paging.take([closed(alert(2, protocol="tcp")), closed(other)], NOW + 7)
    assert ended[1].orders == ()
    assert paging.due(NOW + 8) == []


def test_an_inhibited_ticket_that_becomes_a_page_is_told() -> None:
    paging = dispatch(TWO)
    late = alert(1, AlertClass.LATE, TICKET, protocol="udp")
    paging.take([opened(late), opened(alert(2))], NOW)
    rise = paging.take([changed(late._replace(severity=Severity.PAGE))], NOW + 5)[0].orders
    assert hearing(rise) == {"chat", "pager"}


def test_a_silence_over_an_inhibited_ticket_leaves_it_inhibited() -> None:
    paging = dispatch(TWO, silences=[silence()])
    late = alert(1, AlertClass.LATE, TICKET, protocol="udp")
    paging.take([opened(late), opened(alert(2))], NOW)
    assert {each.transition.alert.number for each in paging.due(NOW + 600)} == {2}
    assert paging.holds(NOW + 600)[1].kind is HoldKind.INHIBITED
    paging.take([closed(alert(2))], NOW + 700)
    assert {each.transition.alert.number for each in paging.due(NOW + 700)} == {1}


def test_out_of_hours_a_route_waits_and_others_do_not() -> None:
    policy = PagingPolicy(
        RECEIVERS, (Route(to=(CHAT,), hours=OFFICE, goes_on=True), Route(to=(PAGER,)))
    )
    paging = dispatch(policy)
    of = alert()
    assert hearing(paging.take([opened(of)], EVENING)[0].orders) == {"pager"}
    assert paging.holds(EVENING) == {1: Hold(HoldKind.HOURS, MORNING)}
    assert hearing(paging.take([changed(of)], EVENING + 5)[0].orders, CHANGED) == {"pager"}
    assert paging.due(MORNING - 1) == []
    assert told(paging.due(MORNING)) == [(OPENED, "chat", "", 0, 0)]


def test_a_change_out_of_hours_is_told_in_the_morning_and_an_end_at_once() -> None:
    paging = dispatch(PagingPolicy(RECEIVERS, (Route(to=(CHAT,), hours=OFFICE),)))
    of = alert()
    assert hearing(paging.take([opened(of)], NOW)[0].orders) == {"chat"}
    assert paging.take([changed(of)], EVENING + 5)[0].orders == ()
    assert told(paging.due(MORNING)) == [(CHANGED, "chat", "", 0, 0)]
    assert hearing(paging.take([closed(of)], MORNING + 86_000)[0].orders, CLOSED) == {"chat"}


def test_a_silence_that_ends_out_of_hours_lets_it_wait_for_these() -> None:
    policy = PagingPolicy(RECEIVERS, (Route(to=(CHAT,), hours=OFFICE),))
    paging = dispatch(policy, silences=[silence(EVENING + 600)])
    paging.take([opened(alert())], NOW)
    assert paging.due(EVENING + 600) == []
    assert paging.holds(EVENING + 600) == {1: Hold(HoldKind.HOURS, MORNING)}
    assert hearing(paging.due(MORNING)) == {"chat"}


# Escalation.


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


# Clocks that are set.


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


# Restarts.


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


# Much at once.


def test_a_silence_of_many_ends_in_pieces() -> None:
    paging = dispatch(TWO, silences=[silence()])
    many = AT_ONCE + 50
    paging.take([opened(alert(n, ordinal=n)) for n in range(1, many + 1)], NOW)
    heard = [paging.due(NOW + 600 + second) for second in range(3)]
    assert [len(orders) for orders in heard] == [2 * AT_ONCE, 2 * 50, 0]
    assert (
        len({(each.transition.alert.number, each.receiver) for each in heard[0] + heard[1]}) == 2 * many
    )


def test_a_thousand_open_alerts_cost_next_to_nothing_while_nothing_is_due() -> None:
    others = [
        silence(NOW + 1e6, id_=f"s{n}")._replace(match=Match(services=(f"other{n}*",)))
        for n in range(1_000)
    ]
    paging = dispatch(POLICY, silences=others)
    paging.take([opened(alert(n, ordinal=n, host=f"h{n}")) for n in range(1, 1_001)], NOW)
    began = process_time()
    for turn in range(100):
        assert paging.due(NOW + 1 + turn) == []
        paging.take([changed(alert(1 + turn, ordinal=1 + turn, zone="z"))], NOW + 1 + turn)
    assert (process_time() - began) / 100 < 0.001


def test_what_cannot_be_silenced_raises_and_holds_nothing() -> None:
    paging = dispatch(TWO)
    with pytest.raises(ValueError, match="why"):
        paging.put_silence(silence()._replace(why=""), NOW)
    with pytest.raises(KeyError):
        paging.end_silence("s1", "anna", NOW)
    assert hearing(paging.take([opened(alert())], NOW)[0].orders) == {"chat", "pager"}
