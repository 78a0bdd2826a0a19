"""What is wrong in one sentence, and which alert is the worst."""

from __future__ import annotations

import random

import pytest

from coalmine_aggregator.model.alert_headline import alert_headline, by_weight
from coalmine_aggregator.model.alerts import AlertClass, Severity
from coalmine_aggregator.model.counts import NOTHING, Counts
from tests.aggregator.web.fake_view import make_alert

LOST_9_OF_10 = Counts(0, (4, 0, 0, 36, 0, 0, 0))


@pytest.mark.parametrize(
    ("scope", "changes", "said"),
    [
        ({"protocol": "udp"}, {}, "All UDP of ingest is lost, all regions"),
        ({}, {}, "All traffic of ingest is lost, all regions"),
        ({"protocol": "udp", "region": "eu-west-1"}, {}, "All UDP of ingest is lost in eu-west-1"),
        ({"region": "dc1", "zone": "dc1-a"}, {}, "All traffic of ingest is lost in zone dc1-a"),
        ({"node": "n7"}, {}, "All traffic of ingest is lost at node n7"),
        ({"host": "canary-1"}, {}, "All traffic of ingest is lost from host canary-1"),
        ({"location": "external"}, {}, "All external traffic of ingest is lost, all regions"),
        (
            {"protocol": "tls", "location": "internal"},
            {"counts": LOST_9_OF_10, "effect": "failed"},
            "90 % of internal TLS of ingest fails, all regions",
        ),
        (
            {"protocol": "udp"},
            {"counts": Counts(0, (99_999, 0, 0, 1, 0, 0, 0))},
            "Less than 1 % of UDP of ingest is lost, all regions",
        ),
        (
            {"protocol": "udp"},
            {"counts": Counts(0, (1, 0, 0, 99_999, 0, 0, 0))},
            "Nearly all UDP of ingest is lost, all regions",
        ),
        ({"protocol": "udp"}, {"counts": NOTHING}, "UDP of ingest is lost, all regions"),
        (
            {},
            {"alert_class": AlertClass.SELF_CHECK, "severity": Severity.TICKET},
            "Nothing proves Coalmine's counts",
        ),
        (
            {},
            {"alert_class": AlertClass.REMEDIATION_FREEZE},
            "Many nodes of ingest look bad, and none is withdrawn",
        ),
        (
            {"node": "web-7"},
            {"alert_class": AlertClass.REMEDIATION_REVERT},
            "Node web-7 of ingest is back: to withdraw it did not help",
        ),
        (
            {},
            {"alert_class": AlertClass.REMEDIATION_OUTPUT, "handle": "output-etcd"},
            "Service discovery is not brought up to date by etcd",
        ),
        ({"region": "dc1"}, {"alert_class": AlertClass.AGENTS_MISSING}, "Agents are silent in dc1"),
    ],
)
def test_the_sentence(scope: dict[str, str], changes: dict[str, object], said: str) -> None:
    assert alert_headline(make_alert(scope=scope, **changes)) == said  # type: ignore[arg-type]


@pytest.mark.parametrize("alert_class", list(AlertClass))
@pytest.mark.parametrize("counts", [NOTHING, LOST_9_OF_10])
def test_every_class_has_words(alert_class: AlertClass, counts: Counts) -> None:
    said = alert_headline(make_alert(alert_class=alert_class, counts=counts))
    assert said[0].isupper() or said[0].isdigit()
    assert not said.endswith(".")
    assert "_" not in said


def test_the_worst_comes_first_whatever_the_order() -> None:
    wide = make_alert(4, scope={"protocol": "udp"})
    older = make_alert(3, scope={"protocol": "udp", "region": "dc1"}, since=1)
    newer = make_alert(2, scope={"protocol": "tcp", "region": "dc1"}, since=2)
    place = make_alert(6, scope={"zone": "dc1-a"}, since=0)
    slow = make_alert(1, scope={}, alert_class=AlertClass.SLOW)
    ticket = make_alert(5, scope={}, severity=Severity.TICKET, since=0)
    sorted_ = [wide, place, older, newer, slow, ticket]
    for seed in range(20):
        mixed = random.Random(seed).sample(sorted_, len(sorted_))
        assert sorted(mixed, key=by_weight) == sorted_
