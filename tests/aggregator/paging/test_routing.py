"""Which routes tell of an alert."""

from __future__ import annotations

from coalmine_aggregator.model.alerts import Alert, AlertClass, Severity
from coalmine_aggregator.paging.match import Match
from coalmine_aggregator.paging.policy import Group, GroupKey, PagingPolicy, Route
from coalmine_aggregator.paging.routing import group_of, routes_of
from coalmine_aggregator.paging.target import Target
from tests.aggregator.paging.alerts import RECEIVERS, alert

LOSS = Match(classes=(AlertClass.LOSS,))
PAGES = Match(severities=(Severity.PAGE,))
CHAT, PAGER = Target("chat"), Target("pager")


def targets(policy: PagingPolicy, of: Alert) -> list[Target]:
    return [target for route in routes_of(policy, of) for target in route.to]


def test_without_routes_every_receiver_hears_that_needs_no_person() -> None:
    assert targets(PagingPolicy(RECEIVERS), alert()) == [CHAT, PAGER]


def test_the_first_route_that_takes_it_wins_unless_it_goes_on() -> None:
    routes = (Route(LOSS, (CHAT,)), Route(PAGES, (PAGER,)))
    assert targets(PagingPolicy(RECEIVERS, routes), alert()) == [CHAT]
    onward = (routes[0]._replace(goes_on=True), routes[1])
    assert targets(PagingPolicy(RECEIVERS, onward), alert()) == [CHAT, PAGER]
    assert targets(PagingPolicy(RECEIVERS, onward), alert(1, AlertClass.BLIND)) == [PAGER]


def test_what_no_route_takes_goes_to_the_fallback_and_an_empty_route_tells_nobody() -> None:
    policy = PagingPolicy(RECEIVERS, (Route(LOSS, (CHAT,)),), fallback=(Target("mail", "anna"),))
    assert targets(policy, alert(1, AlertClass.SLOW)) == [Target("mail", "anna")]
    assert targets(policy._replace(fallback=()), alert(1, AlertClass.SLOW)) == [CHAT, PAGER]
    silent = PagingPolicy(RECEIVERS, (Route(Match(classes=(AlertClass.SLOW,))), Route(to=(CHAT,))))
    assert targets(silent, alert(1, AlertClass.SLOW)) == []


def test_that_a_receiver_does_not_deliver_is_told_by_others() -> None:
    dead = alert(1, AlertClass.UNDELIVERED, service="_fleet", handle="pager")
    assert targets(PagingPolicy(RECEIVERS, (Route(to=(PAGER,)),)), dead) == [CHAT]
    to_mail = PagingPolicy(RECEIVERS, fallback=(PAGER, Target("mail", "anna")))
    assert targets(to_mail, dead) == [Target("mail", "anna")]
    only_itself = PagingPolicy(RECEIVERS, fallback=(PAGER,))
    assert targets(only_itself, dead) == [CHAT]


def test_a_receiver_that_has_gone_from_the_configuration_is_left_out() -> None:
    policy = PagingPolicy(RECEIVERS, (Route(to=(Target("opsgenie"), CHAT)),))
    assert targets(policy, alert()) == [CHAT]


def test_alerts_are_put_together_by_the_first_route_that_has_the_receiver_and_a_group() -> None:
    group = Group(("service", "class", "severity", "region"), 30)
    routes = (Route(LOSS, (PAGER,), goes_on=True), Route(to=(CHAT, PAGER), group=group))
    policy = PagingPolicy(RECEIVERS, routes)
    of = alert(region="eu")
    assert group_of(policy, of, "chat") == GroupKey(("ingest", "loss", "page", "eu"), 30)
    assert group_of(policy, alert(), "chat") == GroupKey(("ingest", "loss", "page", ""), 30)
    assert group_of(policy, of, "pager") is None  # takes one at a time
    assert group_of(policy, of, "mail") is None
    assert group_of(policy, of, "gone") is None
    assert group_of(PagingPolicy(RECEIVERS), of, "chat") is None
