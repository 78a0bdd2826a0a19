"""`coalmine incidents` against the real application: text, JSON, editors, hostile texts, exit codes."""

from __future__ import annotations

import asyncio
import json
import re
import shlex
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coalmine_aggregator.access.roles import Role
from coalmine_aggregator.incidents.opening import Opening
from coalmine_aggregator.model.alerts import Change, Transition
from coalmine_aggregator.model.incident import (
    CellImpact,
    Entry,
    Impact,
    IncidentState,
    Postmortem,
)
from coalmine_aggregator.model.incident_snapshot import Snapshot, SnapshotName
from coalmine_aggregator.status.site import Grade, PublicIncident, PublicUpdate
from coalmine_cli.incident_text import WIDTH, numbers_table, wrapped
from coalmine_cli.told_incidents import IncidentNumbers, Numbers, ServiceNumbers, Times
from coalmine_runtime.printable import printable
from tests.aggregator.web.conftest import by_token
from tests.aggregator.web.fake_view import START, FakeView, make_alert
from tests.cli.running import Done, Serve, run

TOKEN = "correct-horse-battery"
HOSTILE = "\x1b[2J\u202egnp.\u009b31m\x07\u2066"


async def coalmine(*words: str, stdin: str = "", **env: str) -> Done:
    """Runs `coalmine incidents ...`."""
    return await run("incidents", *words, stdin=stdin, **env)


@pytest.fixture
def open_view(view: FakeView) -> FakeView:
    """Alert 7 opened incident 1."""
    alert = make_alert(7)
    view.alerts = [alert]
    view.incidents.changed(Transition(Change.OPENED, alert.opened_at, alert), now=alert.opened_at)
    return view


def public(view: FakeView, name: str = "Trouble with UDP ingestion") -> None:
    """There is a status page, and customers would read this of incident 1."""
    view.incidents.has_page = True
    state = IncidentState.INVESTIGATING
    updates = (PublicUpdate("u", view.now, state, "UDP ingestion is down."),)
    view.incidents.records[1] = PublicIncident(
        "i", name, state, Grade.MAJOR, view.now, view.now, view.now, updates, ("c",)
    )


async def test_the_open_ones_are_listed_with_what_they_wait_for(
    open_view: FakeView, serve: Serve
) -> None:
    env = {"COALMINE_URL": await serve()}
    public(open_view)
    await open_view.incidents.open(
        Opening("web", "Customers see errors on the page of invoices, all of the south of the country"),
        "ben",
        open_view.now - 4_000,
    )
    done = await coalmine("list", **env)
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines() == [
        "NUMBER  STATE          SINCE (UTC)       LASTS       LOST",
        "     2  investigating  2026-09-21 14:06  1 h 6 min      -",
        "        Customers see errors on the page of invoices, all of the south of the",
        "        country",
        "        an update was due 36 min 40 s ago: coalmine incidents update 2",
        "        held back from customers: coalmine incidents publish 2",
        "     1  investigating  2026-09-21 15:11  1 min 40 s     -",
        "        Loss of UDP of ingest in eu-west-1",
        "        acknowledged by nobody: coalmine alerts ack 7",
        "        held back from customers: coalmine incidents publish 1",
    ]
    body = json.loads((await coalmine("list", "--json", **env)).out)
    assert [each["number"] for each in body["incidents"]] == [2, 1]
    assert (await coalmine("list", "--service", "web", **env)).out.count("investigating") == 1


async def test_those_that_are_over_are_listed_where_asked_for(
    open_view: FakeView, serve: Serve
) -> None:
    env = {"COALMINE_URL": await serve()}
    assert (await coalmine("update", "1", "fixed", "--state", "resolved", **env)).code == 0
    assert (await coalmine("list", **env)).out == "No incident is open.\n"
    listed = (await coalmine("list", "--all", **env)).out
    assert "resolved" in listed
    assert "still open: alert 7; it goes on: coalmine incidents reopen 1" in listed
    assert "resolved" in (await coalmine("list", "--state", "resolved", **env)).out
    none = await coalmine("list", "--state", "monitoring", **env)
    assert (none.code, none.out) == (0, "There is no such incident.\n")


async def test_all_that_is_known_of_one(open_view: FakeView, serve: Serve) -> None:
    env = {"COALMINE_URL": await serve()}
    desk, alert = open_view.incidents, open_view.alerts[0]
    public(open_view)
    assert "taken      by nobody: coalmine alerts ack 7\n" in (await coalmine("show", "1", **env)).out
    at = alert.opened_at + 12
    taken = alert._replace(acknowledged_at=at, acknowledged_by="anna")
    desk.changed(Transition(Change.ACKNOWLEDGED, at, taken), now=at)
    await desk.update(
        1,
        state=IncidentState.IDENTIFIED,
        text="The decoder crashes.\nRolling back.",
        public="We know the cause.",
        who="anna",
        now=at + 68,
    )
    cells = (CellImpact("udp", "eu-west-1", 160, 163), CellImpact("tcp", "eu-west-1", 0, 1100))
    impact = Impact(alert.since, alert.since + 90, cells, open_view.now)
    desk.every[1] = desk.every[1]._replace(impact=impact)
    done = await coalmine("show", "1", **env)
    assert (done.code, done.err) == (0, "")
    assert (
        done.out
        == """\
Incident 1: ingest, page, identified, open for 1 min 36 s
  Loss of UDP of ingest in eu-west-1
  began      2026-09-21 15:11:40 UTC, seen 4 s later
  taken      2026-09-21 15:11:56 by anna, 12 s after it was seen
  lost       160 of 1,263 datapoints (12.7%), as counted 2026-09-21 15:13:20
  affected   protocol=udp region=eu-west-1 (alert 7)
  customers  read nothing of it yet; UDP ingestion held back until somebody
             publishes it: coalmine incidents publish 1
  update     due in 29 min 44 s: coalmine incidents update 1

  PROTOCOL  REGION     LOST     OF   LOSS
  udp       eu-west-1   160    163  98.2%
  tcp       eu-west-1     0  1,100     0%

Timeline (UTC)
  15:11:44  opened (alert 7): protocol=udp region=eu-west-1
            ingest-loss-1: All UDP of ingest is lost in eu-west-1.
  15:11:56  acknowledged by anna (alert 7)
            ingest-loss-1 is taken care of.
  15:13:04  identified by anna
            The decoder crashes.
            Rolling back.
            for customers: We know the cause.

Customers would read
  Trouble with UDP ingestion
  2026-09-21 15:13:20 UTC, investigating
    UDP ingestion is down.
"""
    )
    body = json.loads((await coalmine("show", "1", "--json", **env)).out)
    assert body["entries"][2]["public"] == "We know the cause."
    desk.every[1] = desk.every[1]._replace(impact=impact._replace(cells=()))
    unseen = (await coalmine("show", "1", **env)).out
    assert "  lost       nothing that was measured, as counted 2026-09-21 15:13:20\n" in unseen


async def test_a_long_timeline_is_told_to_its_end(open_view: FakeView, serve: Serve) -> None:
    env = {"COALMINE_URL": await serve()}
    timeline = open_view.incidents.timelines[1]
    timeline += [
        Entry(
            1, number, START + 3_600 + number, timeline[0].kind, "", f"No. {number}", timeline[0].state
        )
        for number in range(2, 2_402)
    ]
    shown = (await coalmine("show", "1", **env)).out.splitlines()
    assert shown[-1].strip() == "No. 2401"
    assert "(2,201 older entries are left out here)" in shown[-401]
    timeline[-1] = timeline[-1]._replace(at=START + 90_000.0)
    assert "  2026-09-22" in (await coalmine("show", "1", **env)).out.splitlines()


async def test_saying_how_it_stands_with_and_without_a_token(open_view: FakeView, serve: Serve) -> None:
    open_env = {"COALMINE_URL": await serve()}
    done = await coalmine("update", "1", "looking", "--public", "We are looking.", **open_env)
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("Incident 1 (ingest) is investigating, open for ")
    url = await serve(access=by_token(TOKEN, role=Role.RESPONDER))
    env = {"COALMINE_URL": url, "COALMINE_TOKEN": TOKEN}
    done = await coalmine("note", "1", "see the graph", "--json", **env)
    assert json.loads(done.out)["incident"]["entry_count"] == 3
    said, noted = open_view.incidents.timelines[1][1:]
    assert (said.who, said.text, said.public) == ("local", "looking", "We are looking.")
    assert (noted.who, noted.text, noted.public) == ("t0", "see the graph", "")
    refused = await coalmine("publish", "1", "--yes", **env)
    assert refused.code == 2
    assert "needs the scope operate" in refused.err


async def test_who_says_nothing_is_asked(open_view: FakeView, serve: Serve) -> None:
    env = {"COALMINE_URL": await serve()}
    done = await coalmine("update", "1", stdin="rolling back\n\n", **env)
    assert done.code == 0
    assert "What is new" in done.err
    newest = open_view.incidents.timelines[1][-1]
    assert (newest.text, newest.public) == ("rolling back", "")
    nobody = await coalmine("update", "1", **env)
    assert nobody.code == 1
    empty = await coalmine("update", "1", stdin="\n\n", **env)
    assert empty.code == 2
    assert "say something, or set another state" in empty.err
    assert len(open_view.incidents.timelines[1]) == 2


async def test_publishing_shows_what_is_read_and_asks(open_view: FakeView, serve: Serve) -> None:
    env = {"COALMINE_URL": await serve()}
    unknown = await coalmine("publish", "1", stdin="n\n", **env)
    assert unknown.code == 1
    assert "has no incidents.status_page" in unknown.err
    public(open_view)
    no = await coalmine("publish", "1", stdin="n\n", **env)
    assert no.code == 1
    assert no.err.startswith("Customers will read\n  Trouble with UDP ingestion\n")
    assert "UDP ingestion is down." in no.err
    assert str(open_view.incidents.every[1].publication) == "by_component"
    yes = await coalmine("publish", "1", stdin="y\n", **env)
    assert yes.code == 0
    assert str(open_view.incidents.every[1].publication) == "published"
    shown = await coalmine("show", "1", **env)
    assert 'read "Trouble with UDP ingestion" on UDP ingestion' in shown.out
    assert (await coalmine("withhold", "1", **env)).code == 0
    assert "it is withheld" in (await coalmine("show", "1", **env)).out


async def test_opening_titling_merging_and_reopening(open_view: FakeView, serve: Serve) -> None:
    env = {"COALMINE_URL": await serve()}
    done = await coalmine(
        "open", "ingest", "--title", "Errors", "--label", "region=eu-west-1", "--label",
        "protocol=https", "--ticket", "--since", "2026-09-21T15:00:00Z", "--text", "three tickets",
        "--public", "We are looking.", "--public-title", "Errors in HTTPS", **env,
    )  # fmt: skip
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("Incident 2 (ingest) is investigating, open for 0 s:\n  Errors\n")
    opened = open_view.incidents.every[2]
    assert opened.affected[0].scope == (("protocol", "https"), ("region", "eu-west-1"))
    assert (opened.severity, opened.since, opened.public_title) == (
        "ticket",
        START + 2_800,
        "Errors in HTTPS",
    )
    assert (await coalmine("title", "2", "UDP, too", **env)).code == 0
    assert (await coalmine("title", "2", "--public", "", **env)).code == 0
    titled = open_view.incidents.every[2]
    assert (titled.title, titled.public_title) == ("UDP, too", "")
    assert (await coalmine("title", "2", **env)).code == 2
    merged = await coalmine("merge", "2", "--into", "1", **env)
    listed = await coalmine("list", "--all", **env)
    assert re.search(r"^     2  merged ", listed.out, re.MULTILINE)
    assert merged.out.startswith("Incident 1 (ingest) is ")
    assert "part of incident 1" in (await coalmine("show", "2", **env)).out.splitlines()[0]
    done = await coalmine("update", "1", "--state", "resolved", **env)
    assert "is resolved after" in done.out
    again = await coalmine("reopen", "1", "it came back", **env)
    assert "is investigating" in again.out
    conflict = await coalmine("reopen", "1", **env)
    assert conflict.code == 2
    assert "Incident 1 is open; see how it stands: coalmine incidents show 1" in conflict.err
    for wrong in (["--label", "region"], ["--since", "noon"]):
        assert (await coalmine("open", "ingest", "--title", "x", *wrong, **env)).code == 2


@pytest.mark.parametrize("number", ["9", "x", "1/../2", "\N{ARABIC-INDIC DIGIT ONE}"])
async def test_one_that_there_is_not(serve: Serve, number: str, tmp_path: Path) -> None:
    env = {"COALMINE_URL": await serve()}
    graph = tmp_path / "graph.svg"
    for words in (
        ("show", number),
        ("note", number, "x"),
        ("publish", number, "--yes"),
        ("postmortem", number),
        ("snapshot", number, "-o", str(graph)),
    ):
        done = await coalmine(*words, **env)
        assert done.code == 1, done
        assert done.err == f"There is no incident {number}.\n"
    assert not graph.exists()


WRITTEN = Postmortem(summary="A release broke it.", cause="A bug.", resolution="We rolled back.")


async def test_the_post_mortem_as_markdown_there_and_back(
    open_view: FakeView, serve: Serve, tmp_path: Path
) -> None:
    env = {"COALMINE_URL": await serve()}
    await open_view.incidents.write_up(1, WRITTEN, "anna", open_view.now)
    done = await coalmine("postmortem", "1", **env)
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("# Incident 1: ")
    assert "A release broke it." in done.out
    file = tmp_path / "written.md"
    file.write_text(done.out.replace("A bug.", "A bug\tin the decoder."))
    sent = await coalmine("postmortem", "1", "--from", str(file), **env)
    assert (sent.code, sent.err) == (0, "")
    expected = WRITTEN._replace(cause="A bug\tin the decoder.")
    assert open_view.incidents.every[1].postmortem == expected
    out = (await coalmine("postmortem", "1", **env)).out
    piped = await coalmine("postmortem", "1", "--from", "-", stdin=out.replace("A bug", "Bugs"), **env)
    assert piped.code == 0
    assert open_view.incidents.every[1].postmortem.cause == "Bugs\tin the decoder."
    body = json.loads((await coalmine("postmortem", "1", "--json", **env)).out)
    assert body["postmortem"]["cause"] == "Bugs\tin the decoder."


async def test_what_cannot_be_sent_says_why(open_view: FakeView, serve: Serve, tmp_path: Path) -> None:
    env = {"COALMINE_URL": await serve()}
    for name, body in (("binary", b"\xff"), ("long", b"x" * ((1 << 20) + 1))):
        (tmp_path / name).write_bytes(body)
        assert (await coalmine("postmortem", "1", "--from", str(tmp_path / name), **env)).code == 2
    missing = await coalmine("postmortem", "1", "--from", str(tmp_path / "none"), **env)
    assert "No such file" in missing.err
    assert (await coalmine("postmortem", "1", "--edit", "--from", "-", **env)).code == 2
    assert open_view.incidents.every[1].postmortem == Postmortem()


def editor(tmp_path: Path, program: str) -> str:
    """An editor that does this to the text of the file: `text` in, `text` out."""
    file = tmp_path / "editor.py"
    file.write_text(
        "import pathlib, sys\n"
        "file = pathlib.Path(sys.argv[1])\n"
        "text = file.read_text()\n"
        f"{program}\n"
        "file.write_text(text)\n"
    )
    return f"{shlex.quote(sys.executable)} {shlex.quote(str(file))}"


async def test_editing_it(open_view: FakeView, serve: Serve, tmp_path: Path) -> None:
    url = await serve()
    await open_view.incidents.write_up(1, WRITTEN, "anna", open_view.now)
    edit = editor(tmp_path, "text = text.replace('A bug.', 'Two bugs.')")
    done = await coalmine("postmortem", "1", "--edit", "--url", url, EDITOR=edit, VISUAL=edit)
    assert (done.code, done.err) == (0, "")
    assert open_view.incidents.every[1].postmortem == WRITTEN._replace(cause="Two bugs.")
    before = len(open_view.incidents.timelines[1])
    same = editor(tmp_path, "")
    done = await coalmine("postmortem", "1", "--edit", "--url", url, EDITOR=same, VISUAL=same)
    assert (done.code, done.err) == (0, "Nothing was changed.\n")
    assert len(open_view.incidents.timelines[1]) == before


async def test_what_was_edited_is_never_lost(open_view: FakeView, serve: Serve, tmp_path: Path) -> None:
    url = await serve()
    await open_view.incidents.write_up(1, WRITTEN, "anna", open_view.now)
    # While the editor is open, somebody else writes.
    begun, go_on = tmp_path / "begun", tmp_path / "go_on"
    edit = editor(
        tmp_path,
        "text = text.replace('A bug.', 'Two bugs.')\n"
        f"pathlib.Path({str(begun)!r}).touch()\n"
        "import time\n"
        f"while not pathlib.Path({str(go_on)!r}).exists():\n"
        "    time.sleep(0.01)",
    )
    words = ("postmortem", "1", "--edit", "--url", url)
    editing = asyncio.create_task(coalmine(*words, EDITOR=edit, VISUAL=edit, TMPDIR=str(tmp_path)))
    while not begun.exists():  # noqa: ASYNC110 - bounded by the test's time
        await asyncio.sleep(0.01)
    other = WRITTEN._replace(cause="The moon.")
    await open_view.incidents.write_up(1, other, "ben", open_view.now)
    go_on.touch()
    done = await editing
    assert done.code == 2
    assert "Somebody else wrote the post-mortem" in done.err
    assert open_view.incidents.every[1].postmortem == other
    saved = re.search(r"what you wrote is in (\S+\.md):", done.err)
    assert saved is not None
    assert "Two bugs." in (tmp_path / saved[1]).read_text()
    assert f"--from {saved[1]}" in done.err


async def test_graphs_are_written_to_a_file(open_view: FakeView, serve: Serve, tmp_path: Path) -> None:
    env = {"COALMINE_URL": await serve()}
    for name in SnapshotName:
        open_view.incidents.graphs[1, name] = Snapshot(
            1, name, open_view.now, f"<svg>{name}</svg>".encode()
        )
    file = tmp_path / "graph.svg"
    assert (await coalmine("snapshot", "1", "-o", str(file), **env)).code == 0
    assert file.read_text() == "<svg>resolved</svg>"
    assert (await coalmine("snapshot", "1", "opened", "-o", str(file), **env)).code == 0
    assert file.read_text() == "<svg>opened</svg>"
    open_view.incidents.graphs.clear()
    none = await coalmine("snapshot", "1", "-o", str(file), **env)
    assert (none.code, none.err) == (1, "Incident 1 has no graph opened.\n")


async def test_hostile_texts_are_shown_as_text(open_view: FakeView, serve: Serve) -> None:
    env = {"COALMINE_URL": await serve()}
    desk = open_view.incidents
    public(open_view, name=HOSTILE)
    entry = desk.timelines[1][0]
    desk.timelines[1].append(entry._replace(sequence=2, who=HOSTILE, text=HOSTILE, public=HOSTILE))
    desk.every[1] = desk.every[1]._replace(
        title=HOSTILE,
        acknowledged_at=open_view.now,
        acknowledged_by=HOSTILE,
        public_title=HOSTILE,
        impact=Impact(1, 2, (CellImpact(HOSTILE, HOSTILE, 1, 2),), open_view.now),
        postmortem=WRITTEN._replace(summary=HOSTILE),
    )
    for words in (
        ("list",),
        ("show", "1"),
        ("postmortem", "1"),
        ("publish", "1"),
        *((each, "1", "--json") for each in ("show", "postmortem")),
        ("list", "--json"),
    ):
        done = await coalmine(*words, **env)
        for line in (done.out + done.err).split("\n"):
            assert line.isprintable(), (words, line)
        assert "\\x1b[2J" in done.out + done.err or "\\u001b[2J" in done.out


async def test_numbers_need_history(serve: Serve) -> None:
    done = await coalmine("numbers", "--url", await serve())
    assert done.code == 2
    assert "No history is kept here" in done.err


def test_the_numbers() -> None:
    ingest = Numbers(3, Times(3, 5.0, 4.2), Times(2, 95.0, 90.0), Times(3, 3_700.0, 600.0))
    web = Numbers(1, Times(1, 0.0, 0.0), Times(0, None, None), Times(0, None, None))
    services = [ServiceNumbers("ingest", ingest), ServiceNumbers("web", web)]
    lines = numbers_table(IncidentNumbers(float(START), START + 604_800.0, ingest, services))
    assert lines[0] == "Incidents from 2026-09-21 14:13:20 to 2026-09-28 14:13:20 UTC"
    assert lines[2:6] == [
        "SERVICE  INCIDENTS                         MEAN      MEDIAN  OF",
        "ingest           3  detected in             5 s         4 s   3",
        "                    acknowledged in  1 min 35 s  1 min 30 s   2",
        "                    recovered in      1 h 1 min      10 min   3",
    ]
    assert lines[7].split() == ["acknowledged", "in", "-", "-", "0"]
    assert lines[9].split()[:2] == ["all", "3"]
    nothing = Numbers(0, Times(0, None, None), Times(0, None, None), Times(0, None, None))
    assert numbers_table(IncidentNumbers(0.0, 1.0, nothing, []))[-1] == "None."


@given(text=st.text(), indent=st.integers(0, 30))
def test_every_line_fits_and_nothing_is_lost(text: str, indent: int) -> None:
    """Invariant: no line is wider than the terminal, none drives it, and every word is there."""
    lines = wrapped(text, " " * indent)
    assert all(len(line) <= WIDTH and line.isprintable() for line in lines)
    words = "".join(printable(line) for line in text.split("\n")).replace(" ", "")
    assert "".join(lines).replace(" ", "") == words
