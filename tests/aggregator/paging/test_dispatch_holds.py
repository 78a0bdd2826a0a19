"""What is silenced, inhibited or out of hours: who is told, and when it is over."""

from __future__ import annotations

from coalmine_aggregator.model.alerts import AlertClass, Severity
from coalmine_aggregator.paging.order import Hold, HoldKind
from coalmine_aggregator.paging.policy import PagingPolicy, Route
from coalmine_aggregator.paging.silence import SilenceKind
from tests.aggregator.paging.alerts import (
    NOW,
    RECEIVERS,
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
    EVENING,
    MORNING,
    OFFICE,
    OPENED,
    PAGER,
    TICKET,
    TWO,
    silence,
)


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
