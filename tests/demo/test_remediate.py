"""The whole game day, as people run it: all of it, one act of one's own, and what cannot be played."""

from __future__ import annotations

import json
import re
import signal
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from coalmine_aggregator.demo.pool.acts import PLAY
from coalmine_aggregator.demo.pool.layout import DIRECT, NODES, OUTSIDE
from tests.demo.running import Demo, leaves_nothing

WHOLE_S = 150.0
"""Until all agents are seen, on a busy machine."""

PLAYED_S = 420.0
"""Until all acts are over, there; less than three minutes where nothing else runs."""

pytestmark = pytest.mark.timeout(900)


@pytest.fixture
async def demo(tmp_path: Path) -> AsyncIterator[Demo]:
    demo = Demo(tmp_path / "demo")
    yield demo
    await demo.close()


@pytest.mark.prove
async def test_broken_nodes_go_and_come_back_unless_they_are_too_many(demo: Demo) -> None:
    await demo.start("--remediate", "--json")
    await demo.ends_with(0, WHOLE_S + PLAYED_S)
    (line,) = demo.stdout.splitlines()  # and nothing else: all other lines are on standard error
    summary = json.loads(line)
    assert list(summary) == ["as_told", "acts", "customers"]
    assert summary["as_told"] is True
    assert [act["nodes"] for act in summary["acts"]] == [list(act.nodes) for act in PLAY]
    for act in summary["acts"][:2]:
        assert act["withdrawn"] == act["nodes"]
        assert act["customers"]["while_broken"]["lost"] > 0, "it really was broken"
        for moment in ("while_out", "since_back"):
            assert act["customers"][moment]["sent"] > 100
            assert act["customers"][moment]["lost"] == 0
    many = summary["acts"][2]
    assert (many["withdrawn"], many["out_after_s"], many["pages"]) == ([], None, 1)
    assert many["customers"]["while_broken"]["lost"] > 100
    told = [re.sub(r"^ *[0-9.]+ s +", "", line) for line in demo.lines]
    for what in (
        "broken     on purpose: ingest02 is killed",
        "decided    ingest02 is withdrawn",
        "balancer   ingest02 gets no new work",
        "balancer   ingest02 gets work again",
        "broken     on purpose: ingest03 drops UDP",
        "decided    ingest03 is withdrawn",
        "broken     on purpose: ingest01 and ingest04 are killed",
    ):
        assert what in told, what
    assert leaves_nothing(demo)


@pytest.mark.prove
async def test_an_act_of_one_s_own_on_a_terminal(demo: Demo) -> None:
    await demo.start("--remediate", "--break", "ingest04:kill", terminal=True)
    at = await demo.seen("all is well", deadline_s=WHOLE_S)
    at = await demo.seen("1 of 1: ingest04 is killed", after=at)
    at = await demo.seen("gets no work", after=at)
    at = await demo.seen("runs as before", after=at)
    at = await demo.seen("gets work again", after=at, deadline_s=PLAYED_S)
    await demo.ends_with(0, PLAYED_S)
    await demo.seen("All came as told.", after=at)
    assert leaves_nothing(demo)


@pytest.mark.prove
async def test_what_was_not_played_did_not_come_as_told(demo: Demo) -> None:
    await demo.start("--remediate", "--seconds", "1")
    await demo.ends_with(1, WHOLE_S)
    assert demo.lines[-4].startswith("Not all came as told.")
    assert demo.lines[-3:] == [
        f"  -       {number} {act.words}: not played to its end" for number, act in enumerate(PLAY, 1)
    ]
    assert leaves_nothing(demo)


def children_of(pid: int) -> list[Path]:
    """The folders of its processes below /proc."""
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [Path("/proc", child) for child in text.split()]


async def test_a_signal_ends_everything(demo: Demo) -> None:
    await demo.start("--remediate")
    await demo.seen("agents: one on each of 4 nodes", deadline_s=WHOLE_S)
    assert demo.process is not None
    parts = children_of(demo.process.pid)
    assert len(parts) == len(("aggregator", "balancer", *NODES, *NODES, *DIRECT, *OUTSIDE))
    demo.process.send_signal(signal.SIGINT)
    await demo.ends_with(130)
    assert demo.lines[-4].startswith("Not all came as told.")
    assert not list(filter(Path.exists, parts))
    assert leaves_nothing(demo)


async def test_a_fault_that_is_no_node_s_is_told_before_anything_starts(demo: Demo) -> None:
    await demo.start("--remediate", "--break", "udp")
    await demo.ends_with(2)
    assert "on a game day nodes break, for example ingest02:kill" in demo.lines[-1]
    assert leaves_nothing(demo)


async def test_a_port_that_is_taken_is_one_line(demo: Demo) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", demo.port))
        taken.listen()
        await demo.start("--remediate")
        await demo.ends_with(1)
    assert demo.lines == [
        f"Error: port {demo.port}: address already in use; choose another with --port"
    ]
