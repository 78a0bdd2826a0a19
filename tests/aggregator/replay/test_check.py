"""What a check says: nothing where all is as expected, and exactly what differs where it is not."""

from __future__ import annotations

import pytest

from coalmine_aggregator.model.alerts import AlertClass, Cause, Severity
from coalmine_aggregator.model.scopes import Scope
from coalmine_aggregator.replay.check import Outcome, differences
from coalmine_aggregator.replay.courses import Course
from coalmine_aggregator.replay.nodes import NOTHING, Became
from tests.aggregator.replay.stories import story

FATES = {"delivered": 700, "lost": 20}


def course(
    at: float = 12.0,
    scope: Scope = (("protocol", "udp"),),
    *,
    alert_class: AlertClass = AlertClass.LOSS,
    closed: float | None = 25.0,
    paged: bool = True,
    equivalents: tuple[Scope, ...] = (),
) -> Course:
    return Course(
        id="ingest-loss-1",
        alert_class=alert_class,
        service="ingest",
        opened_at=at,
        severity=Severity.PAGE if paged else Severity.TICKET,
        scope=scope,
        equivalents=equivalents,
        cause=Cause.SERVICE,
        paged=paged,
        closed_at=closed,
    )


def alert(more: str = "", scope: str = "{protocol: udp}") -> str:
    return f"{{class: loss, service: ingest, scope: {scope}, opens: {{after: 10, within: 3}}{more}}}"


def told(expect: str, *alerts: Course, became: Became = NOTHING, balanced: bool = True) -> list[str]:
    expectation = story(more=f"expect: {{{expect}}}").scenario.expect
    return [each.what for each in differences(expectation, Outcome(alerts, FATES, balanced, became))]


CLOSES = ", closes: {after: 20, within: 10}"
NO_MORE = "no_other_pages: true"


def test_as_expected() -> None:
    assert told(f"alerts: [{alert(CLOSES)}], {NO_MORE}", course()) == []
    assert told("fates: {lost: {at_least: 20, at_most: 20}}") == []
    out = Became(("dc-a-1", "dc-a-2"), ("dc-a-1",), (), {"floor": ("dc-a-1",)}, frozen=True)
    assert told("remediation: {withdrawn: [dc-a-2, dc-a-1]}", became=out) == []
    everything = "restored: [dc-a-1], reverted: [], held: {floor: [dc-a-1]}, frozen: true"
    assert told(f"remediation: {{withdrawn: [dc-a-1, dc-a-2], {everything}}}", became=out) == []


@pytest.mark.parametrize("at", [10.0, 10.0000001, 13.0, 13.0000004])
def test_both_ends_of_the_time_belong_to_it(at: float) -> None:
    assert told(f"alerts: [{alert()}]", course(at)) == []


@pytest.mark.parametrize("at", [9.8, 13.2])
def test_opened_at_another_time(at: float) -> None:
    assert told(f"alerts: [{alert()}], {NO_MORE}", course(at)) == [
        (
            "loss of ingest {protocol: udp} expected to open 10 to 13 s: none opened then; "
            f"loss of ingest {{protocol: udp}} opened at {at} s as a page"
        ),
        f"another page: loss of ingest {{protocol: udp}} opened at {at} s as a page",
    ]


def test_nothing_opened() -> None:
    assert told(f"alerts: [{alert()}]") == [
        "loss of ingest {protocol: udp} expected to open 10 to 13 s: none opened"
    ]
    ticket = course(alert_class=AlertClass.LATE)
    assert "none opened" in told(f"alerts: [{alert()}]", ticket)[0]


def test_another_scope() -> None:
    assert told(f"alerts: [{alert(scope='{}')}], {NO_MORE}", course()) == [
        (
            "loss of ingest {} expected to open 10 to 13 s: "
            "ingest-loss-1 of 12.0 s has the scope {protocol: udp} 10 s later, expected {}"
        )
    ]


def test_scopes_that_name_the_same_series_are_the_same() -> None:
    node: Scope = (("node", "dc-a-1"),)
    host: Scope = (("host", "dc-a-1"),)
    assert (
        told(f"alerts: [{alert(scope='{host: dc-a-1}')}]", course(scope=node, equivalents=(host,)))
        == []
    )


def test_closing() -> None:
    (late,) = told(f"alerts: [{alert(CLOSES)}]", course(closed=31.0))
    assert late.endswith("ingest-loss-1 of 12.0 s closed at 31.0 s, expected 20 to 30 s")
    (never,) = told(f"alerts: [{alert(CLOSES)}]", course(closed=None))
    assert never.endswith("ingest-loss-1 of 12.0 s is still open, expected to close 20 to 30 s")


def test_severity_and_cause_where_they_are_given() -> None:
    assert told(f"alerts: [{alert(', severity: page, cause: service')}]", course()) == []
    (severity,) = told(f"alerts: [{alert(', severity: ticket')}]", course())
    assert severity.endswith("is a page, expected a ticket")
    (cause,) = told(f"alerts: [{alert(', cause: network')}]", course())
    assert cause.endswith("has the cause service, expected network")


def test_other_pages_are_forbidden_only_if_so_said_and_tickets_never() -> None:
    assert told("", course()) == []
    assert told(NO_MORE, course()) == [
        "another page: loss of ingest {protocol: udp} opened at 12.0 s as a page"
    ]
    assert told(NO_MORE, course(paged=False)) == []


def test_alerts_are_matched_one_to_one_whatever_their_order() -> None:
    tcp: Scope = (("protocol", "tcp"),)
    both = f"alerts: [{alert()}, {alert(scope='{protocol: tcp}')}], {NO_MORE}"
    assert told(both, course(11.0, tcp), course(12.0)) == []
    assert told(both, course(12.0), course(11.0, tcp)) == []
    assert len(told(both, course(12.0))) == 1
    one = f"alerts: [{alert()}], {NO_MORE}"
    assert told(one, course(11.0), course(12.0)) == [
        "another page: loss of ingest {protocol: udp} opened at 12.0 s as a page"
    ]
    assert told(one, course(11.0, paged=False), course(12.0)) == [], "the page is the one expected"


def test_totals_and_nodes() -> None:
    assert told("fates: {lost: {at_least: 21}, delivered: {at_most: 699}}") == [
        "fates: 20 lost, expected 21 at least",
        "fates: 700 delivered, expected 699 at most",
    ]
    assert told("", balanced=False) == ["fates: they do not add up to what was expected of the fleet"]
    assert told("remediation: {withdrawn: [dc-a-1]}", became=Became(("dc-a-2",))) == [
        "remediation: node dc-a-2 was withdrawn",
        "remediation: node dc-a-1 was not withdrawn",
    ]
