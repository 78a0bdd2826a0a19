"""`coalmine alerts list` and `explain` against the real application: text, JSON, errors, exit codes."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from coalmine_aggregator.demo.ports import free_port
from coalmine_aggregator.model.alerts import AlertClass, Cause, Severity
from coalmine_aggregator.model.counts import NOTHING, Counts
from coalmine_cli.asking import Aggregator, AskingError, read_token
from coalmine_cli.text_table import percent
from coalmine_cli.told import Alerts
from coalmine_runtime.secret import Secret
from tests.aggregator.web.conftest import by_token
from tests.aggregator.web.fake_view import START, FakeView, make_alert, make_history
from tests.cli.running import Done, Serve, run
from tests.conftest import Authority

TOKEN = "correct-horse-battery"


async def coalmine(*words: str, **env: str) -> Done:
    """Runs `coalmine alerts ...`."""
    return await run("alerts", *words, **env)


async def test_the_open_alerts_are_listed(view: FakeView, serve: Serve) -> None:
    view.alerts = [
        make_alert(7),
        make_alert(
            8,
            service="_fleet",
            scope={},
            alert_class=AlertClass.AGENTS_MISSING,
            severity=Severity.TICKET,
            cause=Cause.AGENT,
            counts=NOTHING,
            total=NOTHING,
        ),
    ]
    view.closed = [make_alert(6, closed_at=START + 3550.0, folded_into="ingest-loss-1")]
    url = await serve()
    done = await coalmine("list", "--url", url)
    assert (done.code, done.err) == (0, "")
    head, loss, missing = [re.split(r"\s{2,}", line) for line in done.out.splitlines()]
    assert head == [
        "ALERT",
        "NUMBER",
        "SEVERITY",
        "SINCE (UTC)",
        "LASTS",
        "WHERE",
        "BAD",
        "CAUSE",
        "TOLD",
    ]
    assert loss == [
        "ingest-loss-1",
        "7",
        "page",
        "2026-09-21 15:11:40",
        "1 min 40 s",
        "protocol=udp region=eu-west-1",
        "160 of 163",
        "service",
    ]
    assert missing[-3:] == ["all of the fleet", "-", "agent"]
    everything = await coalmine("list", "--all", COALMINE_URL=url)
    assert everything.out.startswith(done.out)
    assert re.split(r"\s{2,}", everything.out.splitlines()[-1])[-1] == "part of ingest-loss-1"
    body = json.loads((await coalmine("list", "--url", url, "--json")).out)
    assert [alert["number"] for alert in body["open"]] == [7, 8]


async def test_nothing_open_is_said(serve: Serve) -> None:
    done = await coalmine("list", "--all", "--url", await serve())
    assert (done.code, done.out) == (0, "No alert is open.\n\nNone was closed.\n")


EXPLAINED = """\
ingest-loss-1 (number 7): loss of ingest, page, closed after 45 s
  what       40 of 40 datapoints bad in 10 s: 100% loss, 0.1% is acceptable
  fates      40 lost
  total      160 of 163 since it began
  where      protocol=udp region=eu-west-1
  same as    protocol=udp zone=eu-west-1a
  elsewhere  0 of 740 bad in the rest of the service
  cause      the service itself; on-machine fails too
  effect     lost: sent, never arrived
  since      2026-09-21 15:11:40 UTC, opened 2026-09-21 15:11:44
  closed     2026-09-21 15:12:29
  owner      ingest-oncall
  playbook   https://wiki.example/ingest#udp

Opened 2026-09-21 15:11:44 UTC, from the slots 15:11:40 to 15:11:43
  what       40 of 40 datapoints bad in 10 s: 100% loss, 0.1% is acceptable
  fates      40 lost
  total      160 of 163 since it began
  where      all of ingest
  elsewhere  0 of 740 bad in the rest of the service
  cause      unknown; on-machine fails too
  effect     lost: sent, never arrived
  STATISTIC  LOOKS FOR  OF                   BAD  VALUE  THRESHOLD
  cusum      50% loss   all of ingest  10 of 780   31.5       23.4  over
  SCOPE          SCORE
  all of ingest   40.1  chosen

Changed 2026-09-21 15:11:46 UTC, from the slots 15:11:40 to 15:11:45
  where       protocol=udp region=eu-west-1
  same as     protocol=udp zone=eu-west-1a
  cause       the service itself; on-machine fails too
  external    10 of 30 lost
  on-machine  4 of 4 lost
  STATISTIC  LOOKS FOR  OF                                   BAD  VALUE  THRESHOLD
  cusum      50% loss   all of ingest                  10 of 780   31.5       23.4  over
  cusum      99% loss   protocol=udp region=eu-west-1   40 of 40   96.7       23.4  over
  SCOPE                          SCORE
  protocol=udp region=eu-west-1  214.3  chosen
  protocol=tcp and zone=dc1-a    101.2
  all of ingest                   40.1

Closed 2026-09-21 15:12:29 UTC
"""


async def test_an_alert_is_explained(view: FakeView, serve: Serve) -> None:
    alert = make_alert(7, closed_at=START + 3549.2)
    view.closed, view.history = [alert], make_history(alert)
    url = await serve()
    done = await coalmine("explain", "ingest-loss-1", "--url", url)
    assert (done.code, done.err) == (0, "")
    assert done.out == EXPLAINED
    as_json = await coalmine("explain", "7", "--url", f"{url}/", "--json")
    body = json.loads(as_json.out)
    assert [change["change"] for change in body["changes"]] == ["opened", "changed", "closed"]


async def test_classes_without_counts_say_what_they_have(view: FakeView, serve: Serve) -> None:
    silent = make_alert(
        3,
        scope={"zone": "dc1-a"},
        alert_class=AlertClass.AGENTS_MISSING,
        cause=Cause.AGENT,
        effect="",
        note="2 of 2 agents silent: a1, a2",
        counts=NOTHING,
        beside=NOTHING,
        total=NOTHING,
    )
    blind = make_alert(
        4,
        alert_class=AlertClass.BLIND,
        cause=Cause.UNKNOWN,
        note="",
        counts=Counts(1, (1, 0, 0, 0, 0, 0, 9)),
        effect="",
    )
    view.alerts = [silent, blind]
    view.history = [*make_history(silent)[1:], *make_history(blind)[1:]]
    url = await serve()
    text = (await coalmine("explain", "3", "--url", url)).out
    assert text.count("2 of 2 agents silent: a1, a2") == 2, "once as it stands, once in the change"
    assert "cause  " in text
    assert "0 of 0" not in text
    text = (await coalmine("explain", "4", "--url", url)).out
    assert "9 of 10 datapoints unknown in 10 s" in text
    assert "cause" not in text


async def test_what_would_drive_the_terminal_is_taken_out(view: FakeView, serve: Serve) -> None:
    alert = make_alert(7, note="\x1b[31mred\x07\nnext", owner="\x9b2J", scope={"host": "\x1b]0;x\x07"})
    view.alerts, view.history = [alert], make_history(alert)
    url = await serve()
    for done in (await coalmine("list", "--url", url), await coalmine("explain", "7", "--url", url)):
        assert done.code == 0
        assert all(c.isprintable() or c == "\n" for c in done.out)


async def test_an_alert_that_is_not_there_is_exit_code_1(serve: Serve) -> None:
    done = await coalmine("explain", "no/such thing", "--url", await serve())
    assert done == Done(1, "", "There is no alert no/such thing.\n")


async def test_tokens(view: FakeView, serve: Serve, tmp_path: Path) -> None:
    url = await serve(access=by_token(TOKEN))
    remedy = "give one with --token-file or COALMINE_TOKEN"
    none = await coalmine("list", COALMINE_URL=url)
    assert none == Done(2, "", f"coalmine alerts: {url} wants a token; {remedy}\n")
    wrong = await coalmine("list", COALMINE_URL=url, COALMINE_TOKEN="wrong")
    assert wrong == Done(2, "", f"coalmine alerts: {url} refuses the token; {remedy}\n")
    assert (await coalmine("list", COALMINE_URL=url, COALMINE_TOKEN=TOKEN)).code == 0
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    words = ("list", "--url", url, "--token-file", str(tmp_path / "token"))
    assert (await coalmine(*words, COALMINE_TOKEN="wrong")).code == 0, "the file goes first"


async def test_over_tls(serve: Serve, authority: Authority) -> None:
    url = await serve(tls=authority.server_context("localhost", "127.0.0.1"))
    done = await coalmine("list", "--url", url, "--ca-file", str(authority.ca_file))
    assert (done.code, done.err) == (0, "")
    stranger = await coalmine("list", "--url", url)
    assert stranger.code == 2
    assert "its certificate" in stranger.err
    assert "--ca-file" in stranger.err
    plain = await coalmine("list", "--url", url.replace("https", "http"))
    assert plain.code == 2
    assert plain.err.startswith(f"coalmine alerts: {url.replace('https', 'http')}")
    assert len(plain.err.splitlines()) == 1


async def test_tls_to_a_plain_port_is_one_line(serve: Serve) -> None:
    url = (await serve()).replace("http", "https")
    done = await coalmine("list", "--url", url)
    assert done.code == 2
    assert "is it http://?" in done.err
    assert len(done.err.splitlines()) == 1


async def test_nobody_there_is_one_line() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    done = await coalmine("explain", "1", "--url", url)
    what = "connection refused; is the aggregator running there?"
    assert done == Done(2, "", f"coalmine alerts: {url}: {what}\n")


def somebody_else(status: int, body: str) -> web.Application:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=status, text=body, headers={"Location": "/elsewhere"})

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    return app


@pytest.mark.parametrize(
    ("status", "body", "what"),
    [
        (200, "<html>Welcome</html>", "seems to be no Coalmine aggregator"),
        (200, "{}", "seems to be no Coalmine aggregator"),
        (200, '{"now": 1, "open": [{"id": 3}], "recent": []}', "seems to be no Coalmine aggregator"),
        (200, '{"x":' + "[" * 100_000, "seems to be no Coalmine aggregator"),
        (302, "", "seems to be no Coalmine aggregator: it answers 302"),
        (404, '{"x":' + "[" * 100_000, "seems to be no Coalmine aggregator: it answers 404"),
        (404, "not here", "seems to be no Coalmine aggregator: it answers 404"),
        (404, '{"type": "urn:coalmine:problem:not-found", "detail": "x"}', "an older Coalmine"),
        (
            421,
            '{"type": "urn:coalmine:problem:unknown-host", "detail": "No.", "hint": "Do this"}',
            "answers 421: No; Do this",
        ),
    ],
)
async def test_who_answers_otherwise_is_told(serve: Serve, status: int, body: str, what: str) -> None:
    aggregator = Aggregator(await serve(somebody_else(status, body)))
    with pytest.raises(AskingError, match=re.escape(what)):
        await asyncio.to_thread(aggregator.ask, "/api/v1/alerts", Alerts)


@pytest.mark.parametrize(
    ("url", "what"),
    [
        ("localhost:8080", "expected a URL such as"),
        ("ftp://x", "expected a URL such as"),
        ("http://me:secret@x", "user and password"),
        ("http://x/?a=b", "without a question mark"),
        ("http://coalmine.example", "would carry the token unencrypted"),
    ],
)
def test_addresses_that_cannot_be(url: str, what: str) -> None:
    with pytest.raises(AskingError, match=re.escape(what)) as caught:
        Aggregator(url, Secret(TOKEN))
    assert TOKEN not in str(caught.value)
    assert "secret" not in str(caught.value)


def test_files_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    (tmp_path / "long").write_text("x" * 10_000)
    for name, what in (
        ("none", "No such file"),
        ("empty", "no token"),
        ("binary", "no text"),
        ("long", "no token"),
    ):
        with pytest.raises(AskingError, match=what):
            read_token(None, tmp_path / name)
    for name in ("none", "empty"):
        with pytest.raises(AskingError, match="--ca-file"):
            Aggregator("https://coalmine.example", None, tmp_path / name)
    assert read_token(None, None) is None


@given(st.floats(1e-12, 1 - 1e-9))
def test_some_is_never_shown_as_none_or_all(share: float) -> None:
    assert percent(share) not in ("0%", "100%", "%")


async def test_an_alert_leads_to_its_incident(view: FakeView, serve: Serve) -> None:
    view.alerts = [make_alert(7)]
    view.history = make_history(view.alerts[0])
    view.incidents.changed(view.history[0], now=view.history[0].at)
    done = await coalmine("explain", "7", "--url", await serve())
    assert re.search(r"^  incident +1: coalmine incidents show 1$", done.out, re.MULTILINE)
