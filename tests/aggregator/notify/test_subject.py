"""Subjects: orders under 50 characters that name the blast radius, one for each class."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coalmine_aggregator.judge.withdrawn import over_because
from coalmine_aggregator.model.alerts import Alert, AlertClass, Change, Severity, Transition
from coalmine_aggregator.model.counts import NOTHING, Counts
from coalmine_aggregator.model.scopes import scope_of
from coalmine_aggregator.notify.subject import headline, subject
from coalmine_aggregator.notify.text import summary
from tests.aggregator.store.samples import START, alert, closed


@pytest.mark.parametrize(
    ("scope", "counts", "order"),
    [
        ({"protocol": "udp"}, (0, 44), "Restore ingest UDP: 100% lost, all regions"),
        ({}, (0, 44), "Restore ingest: 100% lost, all regions"),
        ({"region": "eu-west-1"}, (50, 50), "Restore ingest: 50% lost, eu-west-1"),
        (
            {"protocol": "https", "zone": "eu-west-1a"},
            (98, 2),
            "Restore ingest HTTPS: 2% lost, eu-west-1a",
        ),
        ({"location": "on-machine"}, (999, 1), "Restore ingest on-machine: 0.1% lost, all regions"),
        (
            {"protocol": "tcp", "variant": "ipv6"},
            (1, 1),
            "Restore ingest TCP ipv6: 50% lost, all regions",
        ),
    ],
)
def test_the_subject_is_an_order_that_names_the_group(
    scope: dict[str, str], counts: tuple[int, int], order: str
) -> None:
    good, lost = counts
    shown = alert()._replace(scope=scope_of(scope), counts=Counts(good, (good, 0, 0, lost, 0, 0, 0)))
    assert subject(shown) == order


def of_class(alert_class: AlertClass, **changes: object) -> Alert:
    """An alert of this class about zone dc1-a."""
    shown = alert()._replace(
        alert_class=alert_class, scope=(("zone", "dc1-a"),), counts=Counts(0, (1, 0, 0, 3, 0, 0, 0))
    )
    return shown._replace(**changes)  # type: ignore[arg-type]


UDP = (("protocol", "udp"), ("region", "eu-west-1"))

ORDERS = [
    (of_class(AlertClass.LOSS, effect="late"), "Restore ingest: 75% late, dc1-a"),
    (of_class(AlertClass.LOSS, counts=NOTHING), "Restore ingest: loss, dc1-a"),
    (of_class(AlertClass.SELF_CHECK), "Check Coalmine: it miscounts"),
    (
        of_class(AlertClass.SELF_CHECK, severity=Severity.TICKET),
        "Check Coalmine: nothing proves its counts",
    ),
    (
        of_class(AlertClass.BLIND, counts=Counts(0, (1, 0, 0, 0, 0, 0, 4))),
        "Restore sight of ingest: 80% unknown",
    ),
    (of_class(AlertClass.BLIND, counts=NOTHING), "Restore sight of ingest"),
    (
        of_class(AlertClass.AGENTS_MISSING, note="3 of 4 agents silent: a, b, c"),
        "Find 3 silent agents: zone dc1-a",
    ),
    (
        of_class(
            AlertClass.AGENTS_MISSING,
            note="1 of 4 agents silent: a",
            scope=(("location", "external"), ("host", "a")),
        ),
        "Find the silent agent: external host a",
    ),
    (
        of_class(AlertClass.AGENTS_MISSING, service="_fleet", scope=(), note="12 of 12 agents silent"),
        "Find 12 silent agents: the whole fleet",
    ),
    (
        of_class(
            AlertClass.BURN, note="the error budget is spent at 14.4x its rate over 1h and 15x over 5m"
        ),
        "Slow the loss of ingest: 14.4x budget",
    ),
    (of_class(AlertClass.BURN), "Slow the loss of ingest"),
    (of_class(AlertClass.LATE, scope=UDP), "Deliver ingest UDP in time: 75% late, eu-west-1"),
    (
        of_class(AlertClass.LATE, scope=UDP, counts=NOTHING, note="3 of 4 datapoints arrived after"),
        "Deliver ingest UDP in time, eu-west-1",
    ),
    (of_class(AlertClass.DUPLICATES, scope=UDP), "Stop duplicates of ingest UDP, eu-west-1"),
    (of_class(AlertClass.SLOW), "Speed up ingest: slower than usual, dc1-a"),
    (
        of_class(AlertClass.CERTIFICATE, scope=(("protocol", "tls"),), note="ends in 13.2 days"),
        "Renew certificate of ingest TLS: 13.2 days",
    ),
    (
        of_class(AlertClass.BUDGET, counts=NOTHING, note="0.300% lost over an hour and 0.2% over six"),
        "Lower the steady loss of ingest: 0.3%",
    ),
    (of_class(AlertClass.BUDGET), "Lower the steady loss of ingest"),
    (of_class(AlertClass.IDENTITY_CLASH, scope=(("host", "a1"),)), "Tell agents apart: host a1"),
    (of_class(AlertClass.UNDELIVERED, handle="pagerduty"), "Restore paging by pagerduty"),
    (of_class(AlertClass.REMEDIATION_FREEZE, scope=()), "Look at the nodes of ingest: many bad"),
    (
        of_class(AlertClass.REMEDIATION_REVERT, scope=(("node", "web-7"),)),
        "Look at web-7: withdrawn in vain, ingest",
    ),
    (
        of_class(AlertClass.REMEDIATION_OUTPUT, handle="output-etcd"),
        "Restore withdrawing by etcd",
    ),
    (
        of_class(AlertClass.REMEDIATION_OUTPUT, handle="decisions"),
        "Restore withdrawing by remediation",
    ),
    (of_class(AlertClass.PEER, handle="b"), "Check aggregator b"),
    (of_class(AlertClass.PEER, handle="heartbeat"), "Check the heartbeat"),
    (of_class(AlertClass.UPDATE_DUE, handle="incident-12"), "Say how incident 12 does"),
]


@pytest.mark.parametrize(("shown", "order"), ORDERS)
def test_each_class_has_an_order_of_its_own(shown: Alert, order: str) -> None:
    assert subject(shown) == order


def test_no_class_is_forgotten() -> None:
    assert {shown.alert_class for shown, _ in ORDERS} == set(AlertClass)


@pytest.mark.parametrize(
    ("nodes", "told"),
    [
        (("web-3",), "Taken out of ingest: web-3"),
        (("web-3", "web-4", "web-5"), "Taken out of ingest: web-3, web-4 and web-5"),
    ],
)
def test_what_was_withdrawn_is_not_told_as_restored(nodes: tuple[str, ...], told: str) -> None:
    note = f"everything that is sent to web-3; {over_because(nodes)}"
    over = of_class(AlertClass.LOSS, note=note)
    assert headline(Transition(Change.CLOSED, START, over)) == told
    assert headline(Transition(Change.OPENED, START, over)).startswith("Restore ingest")


def test_what_went_into_a_wider_alert_is_not_told_as_restored() -> None:
    over = of_class(AlertClass.BLIND, closed_at=START + 30.0, folded_into="ingest-agents_missing-1")
    text = headline(closed()._replace(alert=over))
    assert text.startswith("Part of ingest-agents_missing-1 now")
    assert "restored" not in text.lower()


label = st.text("abcdefghijklmnopqrstuvwxyz0123456789_-", min_size=1, max_size=60)
labels = st.dictionaries(
    st.sampled_from(["protocol", "variant", "location", "region", "zone", "node", "host"]),
    label,
    max_size=4,
)
alerts = st.builds(
    lambda alert_class, service, scope, good, lost, unknown, note, folded: alert(
        service=service
    )._replace(
        alert_class=alert_class,
        scope=scope_of(scope),
        counts=Counts(good, (good, 0, 0, lost, 0, 0, unknown)),
        note=note,
        folded_into=folded,
    ),
    st.sampled_from(AlertClass),
    label,
    labels,
    st.integers(0, 10**9),
    st.integers(0, 10**9),
    st.integers(0, 10**9),
    st.text(max_size=80) | st.from_regex(r"[0-9]{1,30} of [0-9]{1,9} agents [0-9.]{1,30}x days"),
    st.just("") | label,
)


# Whatever an alert is about, its first line is one line, fits a phone, and is never empty; so is what
# says that it is over.
@given(alerts)
def test_the_subject_is_under_50_characters(shown: Alert) -> None:
    for change in Change:
        over = shown._replace(closed_at=START + 9.0) if change is Change.CLOSED else shown
        transition = Transition(change, START + 9.0, over)
        first = headline(transition)
        assert 0 < len(first) < 50
        assert "\n" not in first
        assert "\n" not in summary(transition)
        assert summary(transition).startswith(first)
