"""Agents set aside: a ticket each, and no flood of them."""

from __future__ import annotations

from coalmine_aggregator.judge.clashes import MOST, Aside, findings
from coalmine_aggregator.model.alerts import AlertClass, Cause, Severity


def aside(number: int, services: tuple[str, ...] = ("ingest",)) -> Aside:
    return Aside(f"a{number}", "b", f"h{number}", services, 100.5 + number, "agent a has its labels")


def test_nobody_set_aside_says_nothing() -> None:
    assert findings([]) == []


def test_each_is_a_ticket_that_names_its_host_and_the_reason() -> None:
    (one,) = findings([aside(1)])
    assert (one.alert_class, one.severity, one.cause) == (
        AlertClass.IDENTITY_CLASH,
        Severity.TICKET,
        Cause.AGENT,
    )
    assert (one.service, one.handle, one.scope, one.since) == ("ingest", "a1/b", (("host", "h1"),), 101)
    assert one.note == "agent a1 on h1 is set aside: agent a has its labels"


def test_those_of_several_services_or_none_are_the_fleets() -> None:
    told = findings([aside(1, ("ingest", "logs")), aside(2, ())])
    assert [each.service for each in told] == ["_fleet", "_fleet"]


def test_many_are_bounded_and_the_last_says_how_many_more() -> None:
    told = findings([aside(number) for number in range(MOST + 7)])
    assert len(told) == MOST
    assert told[-1].note.endswith("; 7 more")
    assert not told[-2].note.endswith("more")
    assert not findings([aside(number) for number in range(MOST)])[-1].note.endswith("more")
    assert len({each.handle for each in told}) == MOST
