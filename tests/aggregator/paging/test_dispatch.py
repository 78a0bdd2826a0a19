"""Who is told of what opens, changes and closes, and of much at once."""

from __future__ import annotations

from datetime import time
from time import process_time

import pytest

from coalmine_aggregator.paging.dispatch import AT_ONCE
from coalmine_aggregator.paging.match import Match
from coalmine_aggregator.paging.policy import PagingPolicy, Route
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
    opened,
    told_by,
)
from tests.aggregator.paging.rules import (
    ACKNOWLEDGED,
    CHANGED,
    CHAT,
    CLOSED,
    EVENING,
    HANDOVER,
    MAIL,
    OFFICE,
    OPENED,
    PAGER,
    POLICY,
    TICKET,
    TWO,
    silence,
)


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
