"""Whose fault a loss is."""

from __future__ import annotations

import pytest

from coalmine_aggregator.judge.fault import Place, Sources, judge
from coalmine_aggregator.model.alerts import Cause
from coalmine_aggregator.model.fates import FATES, Fate

GOOD, BAD, FEW = Place(100, 0), Place(100, 100), Place(2, 2)
ONE, TWO = Sources(("tcp",)), Sources(("tcp", "tls"))


def fates(fate: Fate) -> list[int]:
    return [50 if each == fate else 0 for each in range(FATES)]


@pytest.mark.parametrize(
    ("places", "cause"),
    [
        ({"external": BAD, "internal": BAD, "on-machine": BAD}, Cause.SERVICE),
        ({"external": BAD, "internal": BAD}, Cause.SERVICE),
        ({"external": GOOD, "on-machine": BAD}, Cause.SERVICE),
        ({"external": BAD, "internal": GOOD}, Cause.NETWORK),
        ({"external": BAD, "internal": GOOD, "on-machine": GOOD}, Cause.NETWORK),
        ({"external": BAD, "internal": FEW}, Cause.UNKNOWN),
        ({"external": BAD}, Cause.UNKNOWN),
        ({}, Cause.UNKNOWN),
    ],
)
def test_places_are_compared(places: dict[str, Place], cause: Cause) -> None:
    assert judge((), 1.0, places, fates(Fate.FAILED), TWO).cause is cause


def test_one_hosts_loss_is_its_own() -> None:
    scope = (("protocol", "udp"), ("host", "h1"))
    assert judge(scope, 1.0, {"external": BAD}, fates(Fate.LOST), TWO).cause is Cause.AGENT


def test_a_node_is_the_services() -> None:
    assert judge((("node", "n1"),), 1.0, {}, fates(Fate.FAILED), TWO).cause is Cause.SERVICE


def test_a_source_that_lost_its_connection_is_the_receipt_path() -> None:
    places = {"external": BAD, "internal": BAD}
    gone = TWO._replace(silent=("tcp",))
    assert judge((), 1.0, places, fates(Fate.LOST), gone).cause is Cause.RECEIPT_PATH
    assert judge((), 1.0, places, fates(Fate.FAILED), gone).cause is Cause.SERVICE
    assert judge((), 1.0, places, fates(Fate.LOST), TWO).cause is Cause.SERVICE


def test_with_one_source_only_the_reason_says_so() -> None:
    places = {"external": BAD, "internal": BAD}
    assert "tcp alone" in judge((), 1.0, places, fates(Fate.LOST), ONE).why
    assert "alone" not in judge((), 1.0, places, fates(Fate.LOST), TWO).why
    assert "alone" not in judge((), 1.0, places, fates(Fate.FAILED), ONE).why
