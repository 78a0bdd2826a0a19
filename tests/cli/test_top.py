"""`coalmine top`: the picture at any size, a real terminal, and plain lines without one."""

from __future__ import annotations

import asyncio
import dataclasses
import signal

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from coalmine_aggregator.model.views import AgentStatus
from coalmine_aggregator.web.options import WebOptions
from coalmine_aggregator.web.snapshot import take_snapshot
from coalmine_cli.told_live import Snapshot
from coalmine_cli.top_picture import LOCATIONS, Looking, picture, plain
from tests.aggregator.web.fake_view import FakeView, Trouble, fleet, make_alert
from tests.cli.pseudo_terminal import PseudoTerminal
from tests.cli.running import Serve, run

EVIL = "\x1b[2J\x1b]0;x\x07<b>[red]" + "w" * 200


def snapshot_of(view: FakeView) -> Snapshot:
    """What the command makes of the feed."""
    taken = take_snapshot(view, WebOptions(), now=view.now, viewers=1)
    return msgspec.json.decode(msgspec.json.encode(taken), type=Snapshot)


def shown(snapshot: Snapshot, width: int, height: int, looking: Looking | None = None) -> list[str]:
    looking = looking or Looking()
    return [line.plain.rstrip() for line in picture(snapshot, width, height, looking)]


def in_trouble() -> FakeView:
    view = FakeView()
    view.troubles = [Trouble(where={"protocol": "udp", "region": "eu-west-1"}, first=view.settled - 30)]
    view.alerts = [make_alert(number) for number in range(1, 8)]
    return view


def test_all_is_well() -> None:
    lines = shown(snapshot_of(FakeView()), 80, 24)
    assert len(lines) == 24
    assert lines[1] == "✓ 78 of 78 datapoints a second  0% loss in a minute"
    assert lines[2] == "✓ Every datapoint arrives."
    assert lines[3].split() == ["tcp", "tls", "udp", "pickle", "pickle_tls", "https"]
    assert lines[6].split() == ["us-east-1", *["✓", "4/4"] * 6]
    assert "no alert is open" in lines
    assert "13 agents: 13 alive" in lines
    assert lines[-1].startswith(" q  quit")


def test_a_loss_shows_where_it_is_and_what_is_open() -> None:
    lines = shown(snapshot_of(in_trouble()), 80, 24)
    (row,) = [line for line in lines if line.startswith("eu-west-1")]
    assert row.split()[5:7] == ["✗", "0/3"]
    assert "! 75 of 78 datapoints a second" in lines[1]
    assert "7 open alerts" in lines
    assert lines[2].startswith("✗ All UDP of ingest is lost in eu-west-1, since ")
    assert lines[2].endswith(" UTC, and 6 more.")
    assert any(line.startswith("page   ingest-loss-1: protocol=udp region=eu-west-1") for line in lines)


def test_one_location_at_a_time() -> None:
    snapshot = snapshot_of(in_trouble())
    lines = shown(snapshot, 80, 24, Looking("internal"))
    assert "23 of 24 datapoints a second" in lines[1]
    assert "seen from internal" in lines[1]


def test_the_worst_is_seen_where_not_all_fits() -> None:
    view = in_trouble()
    view.series = fleet(regions=[f"region-{number:02}" for number in range(40)] + ["zz-far-away"])
    view.troubles = [Trouble(where={"region": "zz-far-away"}, first=view.settled - 30)]
    snapshot = snapshot_of(view)
    lines = shown(snapshot, 80, 24)
    assert lines[4].startswith("zz-far-away ✗ 0/")
    assert any("more regions, all of them well" in line for line in lines)
    scrolled = shown(snapshot, 80, 24, Looking(skipped=1))
    assert not any(line.startswith("zz-far-away") for line in scrolled)
    assert any("more regions, the worst of them down" in line for line in scrolled)


def test_agents_that_need_somebody_are_named() -> None:
    view = FakeView()
    first = view.agents(view.now)[0]
    view.overrides = {first.agent: dataclasses.replace(first, status=AgentStatus.MISSING)}
    lines = shown(snapshot_of(view), 80, 24)
    assert any(line.startswith(f"{first.agent} in {first.region}: missing") for line in lines)


def test_old_news_are_told_to_be_old() -> None:
    snapshot = snapshot_of(FakeView())
    lines = shown(snapshot, 120, 24, Looking(age_s=75.0, trouble="connection refused"))
    assert "nothing new for 1 min 15 s" in lines[0]
    assert lines[2] == "connection refused"


@settings(max_examples=60, deadline=None)
@given(
    width=st.integers(10, 200),
    height=st.integers(5, 60),
    location=st.sampled_from(LOCATIONS),
    skipped=st.integers(0, 50),
    alerts=st.integers(0, 9),
)
def test_it_fits_any_terminal_and_drives_none(
    width: int, height: int, location: str, skipped: int, alerts: int
) -> None:
    view = in_trouble()
    view.alerts = [
        make_alert(n, note=EVIL, scope={"host": EVIL, "zone": "東京"}) for n in range(alerts)
    ]
    snapshot = snapshot_of(view)
    for cell in snapshot.cells:
        cell.region += EVIL
    for agent in snapshot.agents:
        agent.impaired = [EVIL]
    snapshot.fleet = EVIL
    lines = picture(snapshot, width, height, Looking(location, skipped, 9.0, EVIL))
    assert len(lines) == height
    for line in lines:
        assert cell_len(line.plain) <= width
        assert line.plain.isprintable()
    assert all(line.isprintable() for line in plain(snapshot))


async def test_without_a_terminal_there_is_one_snapshot(view: FakeView, serve: Serve) -> None:
    view.alerts = [make_alert(3)]
    done = await run("top", "--url", await serve())
    assert (done.code, done.err) == (0, "")
    assert "78 of 78 datapoints a second" in done.out
    assert "ingest-loss-1: protocol=udp region=eu-west-1" in done.out
    assert "\x1b" not in done.out


async def test_who_cannot_be_asked_is_told(serve: Serve) -> None:
    done = await run("top", "--url", "http://127.0.0.1:9")
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("coalmine top: http://127.0.0.1:9: connection refused")
    done = await run("top", "--url", await serve(max_viewers=0))
    assert done.code == 2
    assert "0 viewers are watching already" in done.err


async def test_a_terminal_is_taken_and_given_back(view: FakeView, serve: Serve) -> None:
    url = await serve()

    def watch() -> tuple[int, str]:
        with PseudoTerminal("top", "--url", url) as terminal:
            screen = terminal.until("scroll")
            assert "78 of 78 datapoints a second" in screen
            assert terminal.settings() != terminal.before
            terminal.press(b"\x1b[C")
            terminal.until("seen from external")
            terminal.resize(40, 12)
            terminal.until("ptls")
            terminal.press(b"q")
            code = terminal.ended()
            assert terminal.settings() == terminal.before
            return code, terminal.raw

    code, last = await asyncio.to_thread(watch)
    assert code == 0
    assert last.rstrip().endswith("\x1b[?25h") or "\x1b[?1049l" in last, (
        "the screen from before is back"
    )


async def test_interrupted_it_gives_the_terminal_back(view: FakeView, serve: Serve) -> None:
    url = await serve()

    def watch() -> int:
        with PseudoTerminal("top", "--url", url) as terminal:
            terminal.until("scroll")
            terminal.process.send_signal(signal.SIGINT)
            code = terminal.ended()
            assert terminal.settings() == terminal.before
            return code

    assert await asyncio.to_thread(watch) == 0
