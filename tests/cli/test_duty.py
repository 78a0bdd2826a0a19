"""What people on duty do at a terminal, against the real application."""

from __future__ import annotations

import datetime
import json
from zoneinfo import ZoneInfo

import pytest

from coalmine_aggregator.access.roles import Role
from coalmine_aggregator.paging.rota import Rota
from coalmine_cli.duty_text import review_table
from coalmine_cli.told_duty import Numbers, Review, Rule, Spread
from coalmine_runtime import clock
from tests.aggregator.web.conftest import by_token
from tests.aggregator.web.fake_view import START, FakeView, make_alert, make_history
from tests.cli.running import Done, Serve, run

TOKEN = "correct-horse-battery"


async def coalmine(*words: str, **env: str) -> Done:
    """Runs `coalmine alerts ...`."""
    return await run("alerts", *words, **env)


@pytest.mark.parametrize("with_token", [True, False])
async def test_acknowledging_as_a_page_says_it(view: FakeView, serve: Serve, with_token: bool) -> None:
    view.alerts = [make_alert(7)]
    access = {"access": by_token(TOKEN, role=Role.RESPONDER)} if with_token else {}
    env = {"COALMINE_URL": await serve(**access), **({"COALMINE_TOKEN": TOKEN} if with_token else {})}
    done = await coalmine("ack", "ingest-loss-1", "--note", "on it", **env)
    by = "t0" if with_token else "local"
    assert (done.code, done.err) == (0, "")
    assert done.out == (
        f"ingest-loss-1 (number 7) is acknowledged by {by} since 2026-09-21 15:13:20 UTC\n"
        "Playbook https://wiki.example/ingest#udp\n"
    )
    assert view.alerts[0].acknowledged_by == by
    assert json.loads(view.audited[0].detail)["note"] == "on it"
    listed = await coalmine("list", **env)
    assert listed.out.splitlines()[1].endswith(f"acknowledged by {by}")
    view.history = make_history(view.alerts[0])
    explained = await coalmine("explain", "7", **env)
    assert f"acknowledged  by {by}, 2026-09-21 15:13:20" in explained.out


async def test_what_cannot_be_acknowledged_says_what_to_do(view: FakeView, serve: Serve) -> None:
    view.closed = [make_alert(6, closed_at=START + 3550.0)]
    url = await serve()
    done = await coalmine("ack", "nothing-loss-1", "--url", url)
    assert (done.code, done.err) == (1, "There is no alert nothing-loss-1.\n")
    done = await coalmine("ack", "6", "--url", url)
    assert done.code == 2
    assert "is closed" in done.err
    assert "coalmine alerts review 6" in done.err
    viewer = await serve(access=by_token(TOKEN, role=Role.VIEWER))
    done = await coalmine("ack", "6", "--url", viewer, COALMINE_TOKEN=TOKEN)
    assert done.code == 2
    assert "needs the scope respond" in done.err


async def test_answering_after_the_end(view: FakeView, serve: Serve) -> None:
    view.closed = [make_alert(6, closed_at=START + 3550.0)]
    url = await serve()
    done = await coalmine("review", "6", "--not-actionable", "--note", "a blip", "--url", url)
    assert (done.code, done.out) == (0, "ingest-loss-1 (number 6): there was nothing to do\n")
    assert view.closed[0].actionable is False
    asked = await coalmine("review", "6", "--url", url)  # nobody is there to be asked
    assert asked.code == 1
    assert "Was there anything to do?" in asked.err
    assert view.closed[0].actionable is False
    listed = await coalmine("list", "--all", "--url", url)
    assert listed.out.splitlines()[-1].endswith("not actionable")


async def test_silencing_and_ending_it(view: FakeView, serve: Serve) -> None:
    view.now = clock.wall()
    view.alerts = [make_alert(7)]
    env = {"COALMINE_URL": await serve()}
    words = ("silence", "ing*", "--label", "region=eu-*", "--for", "2h", "--why", "INC-12")
    preview = await coalmine(*words, "--preview", **env)
    assert preview.out.startswith("Would be silenced until ")
    assert preview.out.endswith(": ing* region=eu-*\nIt is about 1 alert open now.\n")
    assert view.duty.begun == []
    done = await coalmine(*words, **env)
    assert (done.code, done.err) == (0, "")
    [silence] = view.duty.begun
    assert done.out.splitlines()[1:] == [
        "It is about 1 alert open now.",
        f"End it: coalmine alerts unsilence {silence.id}",
    ]
    assert 7_100 < silence.ends_at - view.now < 7_300
    listed = (await coalmine("silences", **env)).out.splitlines()
    assert len(listed) == 2
    assert all(word in listed[1] for word in (silence.id, "ing* region=eu-*", "local", "INC-12"))
    assert f"held: silence {silence.id}" in (await coalmine("list", **env)).out
    ended = await coalmine("unsilence", silence.id, **env)
    assert ended.code == 0
    assert ended.out.startswith(f"Silence {silence.id} is over, after ")
    assert (await coalmine("silences", **env)).out == "Nothing is silenced.\n"
    again = await coalmine("unsilence", silence.id, **env)
    assert (again.code, again.err) == (1, f"There is no silence {silence.id} that lasts.\n")


async def test_maintenance_begins_later(view: FakeView, serve: Serve) -> None:
    url = await serve()
    words = ("silence", "ingest", "--for", "1h", "--why", "upgrade", "--url", url)
    begins = datetime.datetime.fromtimestamp(view.now + 3600, datetime.UTC).isoformat()
    done = await coalmine(*words, "--maintenance", "--from", begins)
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("Silenced from 2026-09-21 16:13:20 until 2026-09-21 17:13:20 UTC")
    told = "We replace disks; data may come late."
    done = await coalmine(*words, "--maintenance", "--from", begins, "--public", told)
    assert f"Customers read: {told}" in done.out
    assert view.duty.begun[-1].public == told
    wrong = await coalmine(*words, "--public", told)
    assert wrong.code == 2
    assert "needs --maintenance" in wrong.err
    wrong = await coalmine(*words, "--from", begins)
    assert wrong.code == 2
    assert "needs --maintenance" in wrong.err
    for more in (["--label", "region"], ["--maintenance", "--from", "noon"]):
        assert (await coalmine(*words, *more)).code == 2


async def test_who_is_on_call(view: FakeView, serve: Serve) -> None:
    url = await serve()
    assert (await coalmine("oncall", "--url", url)).out == "No rota is configured.\n"
    begun = datetime.date(2026, 9, 15)
    view.duty.rotas_ = {"ingest": Rota(("anna", "ben"), ZoneInfo("Europe/Dublin"), begun)}
    done = await coalmine("oncall", "--url", url)
    assert done.out.splitlines()[1].split() == ["ingest", "anna", "2026-09-22", "09:00:00", "ben"]


async def test_the_weekly_review_needs_history(serve: Serve) -> None:
    done = await coalmine("weekly", "--url", await serve())
    assert done.code == 2
    assert "No history is kept here" in done.err


def test_the_weekly_review() -> None:
    spread = Spread(95.0, 400.0)
    numbers = Numbers(4, 1, 3, spread, 4, Spread(900.0, 3700.0), 2, 1)
    lines = review_table(
        Review(float(START), START + 604_800.0, numbers, [Rule("ingest", "loss", numbers)])
    )
    assert lines[0] == "Pages from 2026-09-21 14:13:20 to 2026-09-28 14:13:20 UTC"
    assert lines[3].split("  ")[0] == "ingest loss"
    assert "1 min 35 s" in lines[3]
    assert lines[3].endswith("50% of 2")
    assert lines[-1] == "2 of them wait for an answer: coalmine alerts review NUMBER"
    nothing = Numbers(0, 0, 0, None, 0, None, 0, 0)
    assert review_table(Review(0.0, 1.0, nothing, []))[-1] == "None."
