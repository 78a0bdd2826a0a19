"""What a game day tells: each line, the summary, the table, the object of JSON."""

from __future__ import annotations

import io
import json

import pytest
from rich.console import Console

from coalmine_aggregator.demo.pool import words
from coalmine_aggregator.demo.pool.acts import PLAY
from coalmine_aggregator.demo.pool.ledger import Deliveries
from coalmine_aggregator.demo.pool.outcome import Outcome, all_as_told, summary
from coalmine_aggregator.demo.pool.picture import PoolPicture
from coalmine_aggregator.demo.words import Page, PageData
from coalmine_aggregator.web.remediation_answers import NodeItem, RemediationLogItem, SightItem

ONE = Outcome(
    what=PLAY[0].words,
    nodes=PLAY[0].nodes,
    withdrawn=PLAY[0].nodes,
    pages=1,
    out_after_s=4.25,
    back_after_s=12.0,
    while_broken=Deliveries(160, 40),
    while_out=Deliveries(200, 0),
    since_back=Deliveries(200, 0),
)
MANY = Outcome(what=PLAY[2].words, nodes=PLAY[2].nodes, pages=1, while_broken=Deliveries(400, 200))
TOTAL = Deliveries(1000, 240)
INDENT = " " * 12
NONE = "0 of 200 datapoints lost"


def event(kind: str, node: str = "", text: str = "") -> RemediationLogItem:
    return RemediationLogItem(1, kind, 0.0, "ingest", node, "", text, [], "", False)


@pytest.mark.parametrize(
    ("logged", "text"),
    [
        (event("restored", "a", "good"), "a is returned: good"),
        (event("held", "a", "why"), "a stays in service: why"),
        (event("held", "", "why"), "nobody is withdrawn: why"),
        (event("frozen", "", "why"), "frozen: why"),
        (event("thawed"), "nodes may be withdrawn again"),
        (event("verified", "a", "loss has fallen"), "withdrawing a has helped: loss has fallen"),
    ],
)
def test_what_was_decided(logged: RemediationLogItem, text: str) -> None:
    line = words.log_line(logged)
    assert line is not None
    assert (line.who, line.text) == ("decided", text)


@pytest.mark.parametrize("kind", ["pinned", "withdrawn"])
def test_what_people_do_and_what_is_told_sooner_is_not_told(kind: str) -> None:
    assert words.log_line(event(kind, "a", "why")) is None


def test_a_line_says_when_who_and_what() -> None:
    assert words.Line("seen", "a is failed").after(12.34) == "  12.3 s  seen       a is failed"


@pytest.mark.parametrize(
    ("before", "out", "text"),
    [
        ((), ("a",), "a gets no new work"),
        (("a",), (), "a gets work again"),
        (("a",), ("b",), "b gets no new work, a gets work again"),
    ],
)
def test_what_the_balancer_does(before: tuple[str, ...], out: tuple[str, ...], text: str) -> None:
    assert words.balancer_line(before, out).text == text


@pytest.mark.parametrize(
    ("kind", "severity", "told"),
    [
        ("alert.opened", "page", [("paged", "me: Restore it")]),
        ("alert.opened", "ticket", [("ticket", "me: Restore it")]),
        ("alert.changed", "page", []),
        ("alert.closed", "page", [("resolved", "Restore it")]),
    ],
)
def test_what_phones_show(kind: str, severity: str, told: list[tuple[str, str]]) -> None:
    page = Page(kind, PageData("ingest-loss-1", severity, "Restore it", "me", "ASSESS"))
    assert [(line.who, line.text) for line in words.page_lines(page)] == told


def test_the_summary_of_a_day_that_came_as_told() -> None:
    assert words.summary_lines((PLAY[0], PLAY[2]), (ONE, MANY), TOTAL) == [
        "All came as told. Of 1000 datapoints of customers 76 % were kept.",
        "  ok      1 ingest02 is killed",
        f"{INDENT}out of service after 4.2 s: 40 of 160 datapoints lost until then, {NONE} since",
        f"{INDENT}back 12.0 s after it was mended: {NONE} since",
        "  ok      2 ingest01 and ingest04 are killed",
        f"{INDENT}nobody was taken out, 1 page told it; 200 of 400 datapoints lost until it was mended",
    ]


def test_the_summary_of_a_day_that_did_not() -> None:
    failed = Outcome(
        what=ONE.what, nodes=ONE.nodes, trouble="2 of 200 datapoints lost while it was out"
    )
    assert words.summary_lines(PLAY, (failed,), TOTAL) == [
        "Not all came as told. Of 1000 datapoints of customers 76 % were kept.",
        "  FAILED  1 ingest02 is killed",
        f"{INDENT}2 of 200 datapoints lost while it was out",
        "  -       2 ingest03 drops UDP: not played to its end",
        "  -       3 ingest01 and ingest04 are killed: not played to its end",
    ]


def test_all_acts_must_be_played_and_come_as_told() -> None:
    assert all_as_told((ONE, MANY), 2)
    assert not all_as_told((ONE, MANY), 3)
    assert not all_as_told((ONE, Outcome(what="", nodes=(), trouble="no")), 2)
    assert not all_as_told((), 3)


def test_the_object_is_json() -> None:
    document = summary((ONE, MANY), 2, TOTAL)
    assert json.loads(json.dumps(document)) == document
    assert document["as_told"] is True
    assert document["customers"] == {"sent": 1000, "lost": 240}
    assert document["acts"][0]["customers"]["while_out"] == {"sent": 200, "lost": 0}
    assert document["acts"][1]["out_after_s"] is None


def test_the_table_shows_who_sees_what() -> None:
    sights = [
        SightItem("ingest02", True, "bad", 6, 6, 3, ["udp"]),
        SightItem("canary-dc1-a", False, "doubtful", 6, 3, 3, ["udp"]),
    ]
    node = NodeItem("ingest02", "dc1", "dc1-a", "suspect", 0, None, "", sights, 2)
    picture = PoolPicture(
        page="http://127.0.0.1:8080",
        now=0.0,
        nodes=(node,),
        broken={"ingest02": "udp"},
        out=("ingest03",),
        line="Acting: 1 of 4",
        recent=Deliveries(200, 7),
        keys=True,
    )
    console = Console(file=io.StringIO(), width=160)
    console.print(picture.render())
    assert isinstance(console.file, io.StringIO)
    rows = {
        line.split("│")[1].strip(): line for line in console.file.getvalue().splitlines() if "│" in line
    }
    cells = [cell.strip() for cell in rows["ingest02"].strip("│").split("│")]
    assert cells == ["ingest02", "udp", "gets work", "suspect", "bad", "doubtful", "none"]
    assert "gets no work" in rows["ingest03"]
    text = console.file.getvalue()
    for what in (
        "7 of 200 datapoints lost",
        "Acting: 1 of 4",
        "http://127.0.0.1:8080/remediation",
        "quit",
    ):
        assert what in text
    assert picture.plain() == ""
