"""Receivers that do not deliver: what is found of them."""

from __future__ import annotations

from coalmine_aggregator.model.alerts import AlertClass, Severity
from coalmine_aggregator.paging.undelivered import Standing, Trouble, Waiting, undelivered

NOW = 1_800_000_000.0


def test_a_receiver_that_delivers_is_not_told_of() -> None:
    soon = Waiting(page=NOW - 60, ticket=NOW - 60)
    assert undelivered([Standing("pd"), Standing("mail", None, soon)], NOW, 60.0) == []


def test_what_waits_too_long_is_told_as_a_page_where_it_is_one() -> None:
    both = Waiting(page=NOW - 61, ticket=NOW - 90, error="503 away")
    (found,) = undelivered([Standing("pd", None, both)], NOW, 60.0)
    assert (found.alert_class, found.service, found.handle) == (AlertClass.UNDELIVERED, "_fleet", "pd")
    assert found.severity is Severity.PAGE
    assert found.since == NOW - 90
    assert found.note == "pd has not taken a page for 60 s: 503 away"
    (found,) = undelivered([Standing("pd", None, both._replace(page=None))], NOW, 60.0)
    assert found.severity is Severity.TICKET
    assert found.note == "pd has not taken a ticket for 60 s: 503 away"


def test_what_was_given_up_is_told_until_something_is_taken() -> None:
    ticket = Trouble(NOW - 5, False, "400 no such key")
    (found,) = undelivered([Standing("pd", ticket)], NOW, 60.0)
    assert (found.severity, found.since) == (Severity.TICKET, NOW - 5)
    assert found.note == "pd gave up: 400 no such key"
    (found,) = undelivered([Standing("pd", ticket._replace(of_page=True))], NOW, 60.0)
    assert found.severity is Severity.PAGE
    waiting = Waiting(page=NOW - 61)
    (found,) = undelivered([Standing("pd", ticket, waiting)], NOW, 60.0)
    assert found.severity is Severity.PAGE


def test_an_answer_of_any_length_is_bounded() -> None:
    (found,) = undelivered([Standing("pd", Trouble(NOW, True, "x" * 10_000))], NOW)
    assert len(found.note) == 300
