"""Which alerts are meant."""

from __future__ import annotations

import pytest

from coalmine_aggregator.model.alerts import AlertClass, Severity
from coalmine_aggregator.paging.match import Match
from tests.aggregator.paging.alerts import alert

UDP_IN_EU = alert(protocol="udp", location="external", region="eu-west-1")


@pytest.mark.parametrize(
    "match",
    [
        Match(),
        Match(services=("ingest",)),
        Match(services=("logs", "ing*")),
        Match(services=("inges?",)),
        Match(classes=(AlertClass.LATE, AlertClass.LOSS)),
        Match(severities=(Severity.PAGE,)),
        Match(locations=("internal", "external")),
        Match(labels=(("region", "eu-*"), ("protocol", "udp"))),
        Match(("ingest",), (AlertClass.LOSS,), (Severity.PAGE,), ("ext*",), (("region", "eu-west-1"),)),
    ],
)
def test_what_fits_is_taken(match: Match) -> None:
    assert match.takes(UDP_IN_EU)


@pytest.mark.parametrize(
    "match",
    [
        Match(services=("ingest2", "inges", "")),
        Match(services=("INGEST",)),
        Match(classes=(AlertClass.LATE,)),
        Match(severities=(Severity.TICKET,)),
        Match(locations=("internal",)),
        Match(labels=(("region", "us-*"),)),
        Match(labels=(("region", "eu-*"), ("protocol", "tcp"))),
        Match(labels=(("host", "*"),)),
    ],
)
def test_one_part_that_does_not_fit_is_enough(match: Match) -> None:
    assert not match.takes(UDP_IN_EU)


def test_an_alert_that_reaches_further_is_not_within_labels() -> None:
    narrow = Match(labels=(("region", "eu-west-1"),))
    assert not narrow.takes(alert())
    assert not narrow.takes(alert(protocol="udp"))
    assert narrow.takes(alert(region="eu-west-1", host="h1"))


def test_equal_scopes_name_the_same_series() -> None:
    same = alert(zone="a", equivalents=({"host": "h1"}, {"node": "n1"}))
    assert Match(labels=(("host", "h1"), ("zone", "a"))).takes(same)
    assert not Match(labels=(("host", "h2"),)).takes(same)


def test_no_character_of_an_exact_value_is_special() -> None:
    assert not Match(services=("ing.st",)).takes(UDP_IN_EU)
    assert Match(services=("a[b]",)).takes(alert(service="a[b]"))


@pytest.mark.parametrize(
    ("match", "error"),
    [
        (Match(labels=(("colour", "red"),)), "labels: no label 'colour'; there are protocol, "),
        (Match(labels=(("region", ""),)), "labels: region: is empty"),
        (Match(labels=(("region", "a"), ("region", "b"))), "labels: a label is named twice"),
        (Match(services=("x" * 256,)), "service: longer than 255 characters"),
        (Match(locations=("*a" * 9,)), "location: more than 8 stars"),
        (Match(services=("a",) * 101), "service: more than 100"),
    ],
)
def test_what_cannot_be_is_told_with_its_field(match: Match, error: str) -> None:
    with pytest.raises(ValueError) as caught:
        match.check()
    assert str(caught.value).startswith(error)
