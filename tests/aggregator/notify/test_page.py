"""The page's text, letter by letter."""

from __future__ import annotations

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coalmine_aggregator.model.alerts import (
    Alert,
    AlertClass,
    Cause,
    Change,
    Reach,
    Severity,
    Transition,
)
from coalmine_aggregator.model.counts import NOTHING, Counts
from coalmine_aggregator.model.explanation import SELF_CHECK, Explanation
from coalmine_aggregator.notify.links import Links
from coalmine_aggregator.notify.page import WIDTH, page_text
from coalmine_aggregator.notify.subject import SUBJECT_CHARS
from tests.aggregator.store.samples import alert

LINKS = Links("https://coalmine.example", "ingest")
SINCE = int(datetime.datetime(2026, 11, 20, 3, 12, tzinfo=datetime.UTC).timestamp())
PROVEN = Explanation(facts=((SELF_CHECK, "ok 3 s ago"),))

OPENED = """\
ASSESS        44 of 44 udp datapoints lost in 2 s (acceptable 0.1%)
              lost 44 (sent, never arrived) failed 0 abandoned 0 unknown 0
              other protocols: 220 of 220 delivered. Since 03:12:00 UTC
BLAST RADIUS  protocol=udp: 4 of 4 regions, 22 of 22 hosts
              cause: service (on-machine fails too). Self-check ok 3 s ago
COMPENSATE    1 check the UDP decoder  2 drain or restart it
              https://wiki.example/ingest#udp-loss   owner ingest-oncall
View https://coalmine.example/?at=2026-11-20T03:12:00Z&scope=protocol:udp
Ack: coalmine alerts ack ingest-loss-1"""

ACKNOWLEDGED = """\
TAKEN         by anna at 03:12:40 UTC
ASSESS        44 of 44 udp datapoints lost in 2 s (acceptable 0.1%)
              lost 44 (sent, never arrived) failed 0 abandoned 0 unknown 0
              other protocols: 220 of 220 delivered. Since 03:12:00 UTC
BLAST RADIUS  protocol=udp: 4 of 4 regions, 22 of 22 hosts
              cause: service (on-machine fails too)
COMPENSATE    1 check the UDP decoder  2 drain or restart it
              https://wiki.example/ingest#udp-loss   owner ingest-oncall
View https://coalmine.example/?at=2026-11-20T03:12:00Z&scope=protocol:udp"""

CLOSED = """\
CLOSED        at 03:20:05 UTC, 8 min 5 s after it began
COST          10670 of 10670 udp datapoints lost (acceptable 0.1%)
              lost 10660 (sent, never arrived) late 10 failed 0 abandoned 0
              unknown 0
              Since 03:12:00 UTC
BLAST RADIUS  protocol=udp: 4 of 4 regions, 22 of 22 hosts
              cause: service (on-machine fails too)
View https://coalmine.example/?at=2026-11-20T03:12:00Z&scope=protocol:udp
Was there anything to do? coalmine alerts review 7"""

SILENT = """\
ASSESS        2 of 2 agents silent: a1, a2. Since 03:12:00 UTC
BLAST RADIUS  zone=eu-a
              No self-check is set up
COMPENSATE    no playbook is linked   no owner is named
Ack: coalmine alerts ack ingest-agents_missing-1"""


def all_udp() -> Alert:
    """All UDP of `ingest` is lost: two seconds of 22 agents."""
    return alert()._replace(
        number=7,
        scope=(("protocol", "udp"),),
        since=SINCE,
        opened_at=SINCE + 2.4,
        counts=Counts(0, (0, 0, 0, 44, 0, 0, 0)),
        beside=Counts(220, (220, 0, 0, 0, 0, 0, 0)),
        window_s=2,
        acceptable_loss=0.001,
        cause=Cause.SERVICE,
        note="on-machine fails too",
        effect="lost",
        reach=(Reach("region", 4, 4), Reach("host", 22, 22)),
        steps=("check the UDP decoder", "drain or restart it"),
        playbook="https://wiki.example/ingest#udp-loss",
        owner="ingest-oncall",
    )


def test_the_page_of_the_requirements() -> None:
    page = page_text(Transition(Change.OPENED, SINCE + 2.4, all_udp(), PROVEN), LINKS)
    assert page.subject == "Restore ingest UDP: 100% lost, all regions"
    assert page.body == OPENED


def test_the_page_of_one_that_is_taken() -> None:
    taken = all_udp()._replace(acknowledged_at=SINCE + 40.0, acknowledged_by="anna")
    page = page_text(Transition(Change.ACKNOWLEDGED, SINCE + 40.0, taken), LINKS)
    assert page.body == ACKNOWLEDGED


def test_the_page_of_one_that_is_over_tells_what_it_cost() -> None:
    over = all_udp()._replace(closed_at=SINCE + 485.2, total=Counts(0, (0, 0, 0, 10660, 10, 0, 0)))
    page = page_text(Transition(Change.CLOSED, SINCE + 485.2, over), LINKS)
    assert page.subject == "Restored ingest UDP"
    assert page.body == CLOSED


def test_what_counts_nothing_says_its_note() -> None:
    silent = all_udp()._replace(
        alert_class=AlertClass.AGENTS_MISSING,
        scope=(("zone", "eu-a"),),
        counts=NOTHING,
        beside=NOTHING,
        note="2 of 2 agents silent: a1, a2",
        cause=Cause.UNKNOWN,
        reach=(),
        steps=(),
        playbook="",
        owner="",
    )
    page = page_text(Transition(Change.OPENED, SINCE + 12.0, silent), Links())
    assert page.body == SILENT


def test_a_loss_that_began_yesterday_tells_the_date() -> None:
    page = page_text(Transition(Change.CHANGED, SINCE + 86_400.0, all_udp()), LINKS)
    assert "Since 2026-11-20 03:12:00 UTC" in page.body
    assert page.body.startswith("CHANGED       at 03:12:00 UTC;")


HOSTILE = st.text(
    st.sampled_from("a <>&\"'\n\r\t\x00\x1b\x07\u202e\u2028\u0085{}[]()@!|`*_~#"), max_size=200
)


@given(HOSTILE, HOSTILE, HOSTILE, st.sampled_from(AlertClass), st.sampled_from(Change))
def test_whatever_people_wrote_stays_one_line_of_text(
    note: str, owner: str, step: str, alert_class: AlertClass, change: Change
) -> None:
    odd = all_udp()._replace(
        note=note,
        owner=owner,
        steps=(step,),
        playbook=owner,
        acknowledged_by=note,
        alert_class=alert_class,
        closed_at=SINCE + 9.0 if change is Change.CLOSED else None,
    )
    page = page_text(
        Transition(change, SINCE + 9.0, odd, Explanation(facts=((SELF_CHECK, note),))), LINKS
    )
    assert len(page.subject) <= SUBJECT_CHARS
    assert page.subject.isprintable()
    lines = page.body.split("\n")
    assert all(line.isprintable() for line in lines)
    heads = {"ASSESS", "BLAST RADIUS", "COMPENSATE", "COST", "CHANGED", "TAKEN", "CLOSED"}
    for line in lines:
        head = line[:14].strip()
        assert head in heads | {""} or line.startswith(("View ", "Ack: ", "Was there ")), line


@pytest.mark.parametrize("severity", list(Severity))
@pytest.mark.parametrize("alert_class", list(AlertClass))
def test_every_class_fits_the_width(alert_class: AlertClass, severity: Severity) -> None:
    shown = all_udp()._replace(alert_class=alert_class, severity=severity, note="word " * 40)
    page = page_text(Transition(Change.OPENED, SINCE + 2.4, shown, PROVEN), LINKS)
    assert max(map(len, page.body.split("\n"))) <= WIDTH
    assert 0 < len(page.subject) < 50
