"""What the demo's screen says of every alert: class, scope, fates, cause, and how to ask why."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from coalmine_aggregator.demo import table, words
from coalmine_aggregator.demo.tally import Cell
from coalmine_aggregator.demo.words import Page, PageData
from coalmine_aggregator.model.alerts import AlertClass, Cause, Severity
from coalmine_aggregator.model.counts import NOTHING, Counts
from coalmine_aggregator.web.alert_answers import AlertItem, alert_item
from tests.aggregator.web.fake_view import START, make_alert

PAGE = "http://127.0.0.1:8081"

LOSS = alert_item(make_alert(7, counts=Counts(3, (3, 5, 0, 32, 0, 0, 1))))
SILENT = alert_item(
    make_alert(
        8,
        scope={},
        alert_class=AlertClass.AGENTS_MISSING,
        severity=Severity.TICKET,
        cause=Cause.AGENT,
        note="1 of 3 agents silent: a1",
        counts=NOTHING,
    )
)


LOSS_LINE = (
    "protocol=udp region=eu-west-1: loss (page), ingest-loss-1 open for 96 s; "
    "92.5 % bad = 3 delivered + 5 failed + 32 lost + 1 unknown; "
    "cause: service, on-machine fails too"
)
SILENT_LINE = (
    "all of ingest: agents missing (ticket), ingest-agents_missing-1 open for 96 s; "
    "cause: agent, 1 of 3 agents silent: a1"
)


@pytest.mark.parametrize(("alert", "line"), [(LOSS, LOSS_LINE), (SILENT, SILENT_LINE)])
def test_an_alert_is_one_line(alert: AlertItem, line: str) -> None:
    assert words.alert_line(alert, START + 3600.0) == line


def shown(picture: table.Picture) -> str:
    console = Console(file=io.StringIO(), width=250)
    console.print(picture.render())
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_screen_shows_every_alert_and_how_to_ask_why() -> None:
    text = shown(table.Picture(page=PAGE, now=START + 3600.0, alerts=(LOSS, SILENT)))
    for alert in (LOSS, SILENT):
        assert words.alert_line(alert, START + 3600.0) in text
    assert f"why: coalmine alerts explain ingest-loss-1 --url {PAGE}" in text
    text = shown(table.Picture(page=PAGE, now=START + 3600.0))
    assert "none open" in text
    assert "explain" not in text


def test_a_plain_line_names_what_is_open() -> None:
    newest = {Cell("udp", "dc1"): NOTHING}
    picture = table.Picture(page=PAGE, now=START + 3600.0, newest=newest, alerts=(LOSS, SILENT))
    line = picture.plain()
    assert line.endswith(
        "; ingest-loss-1 open: protocol=udp region=eu-west-1"
        "; ingest-agents_missing-1 open: all of ingest"
    )
    assert "\n" not in line


@pytest.mark.parametrize(
    ("kind", "severity", "owner", "lines"),
    [
        ("alert.opened", "page", "me", ["PAGE me: Restore it", "  ASSESS  9 of 9", "  Ack: so"]),
        (
            "alert.opened",
            "ticket",
            "",
            ["TICKET to nobody: Restore it", "  ASSESS  9 of 9", "  Ack: so"],
        ),
        ("alert.changed", "page", "me", ["CHANGED Restore it"]),
        ("alert.acknowledged", "page", "me", ["ACKNOWLEDGED Restore it"]),
        ("alert.closed", "page", "me", ["RESOLVED Restore it"]),
    ],
)
def test_messages(kind: str, severity: str, owner: str, lines: list[str]) -> None:
    data = PageData("ingest-loss-1", severity, "Restore it", owner, "ASSESS  9 of 9\nAck: so")
    assert words.page_lines(Page(kind, data)) == lines
