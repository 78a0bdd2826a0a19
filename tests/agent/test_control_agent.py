"""A control agent as a process: what it tells, what it sends, what reloads change."""

from __future__ import annotations

import signal
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from coalmine_wire.control import agreed
from coalmine_wire.reports import Report, Verdict
from tests.agent.ear import Ear, listening
from tests.agent.service import AgentService, configuration
from tests.servers.mosquitto import Mosquitto
from tests.servers.process import Process

KEY = "a key of 16 bytes"


@pytest.fixture
async def broker(tmp_path: Path) -> AsyncIterator[Mosquitto]:
    mosquitto = Mosquitto(tmp_path / "mosquitto")
    await mosquitto.start()
    yield mosquitto
    await mosquitto.stop()


def outcomes(ear: Ear, revision: int = 1) -> dict[tuple[int, int], Verdict]:
    """Endpoint and slot to verdict, of all that was told of a revision."""
    return {
        (outcome.endpoint, each.slot): outcome.verdict
        for report in ear.reports
        if report.revision == revision
        for each in report.slots
        for outcome in each.outcomes
    }


async def test_it_tells_that_it_is_one_and_sends_what_is_not_chosen(
    tmp_path: Path, broker: Mosquitto
) -> None:
    (tmp_path / "key").write_text(KEY + "\n")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.setblocking(False)
        where = f"127.0.0.1:{sock.getsockname()[1]}"
        services = {"s": {"udp": where, **{f"udp-v{i}": where for i in range(7)}}}
        config = configuration(
            broker.port, services=services, control={"share": "40%", "key_file": "key"}
        )
        agent = AgentService(tmp_path, config)
        async with listening(broker.port) as ear:
            await agent.start()
            await ear.until(lambda e: len(e.slots) >= 3)
            _, metrics = await agent.get("/metrics")
            agent.write({**config, "control": {"share": "1/500", "key": KEY[::-1]}})
            agent.signal(signal.SIGHUP)
            await ear.until(lambda e: any(revision == 2 for revision, _ in e.slots))
            assert await agent.stop() == 0
        arrived = set()
        while True:
            try:
                name, _, slot = sock.recv(4096).split()
            except BlockingIOError:
                break
            arrived.add((name.decode(), int(slot)))

    first, second = ear.births
    assert first.control
    assert first.control_share == 0.4
    choice = agreed(KEY.encode(), first.control_share, first.control_key)
    assert choice is not None
    names = [series.name() for series in first.series()]
    told = outcomes(ear)
    assert set(told.values()) == {Verdict.SENT}
    withheld = {(names[i], slot) for i, slot in told if choice.withholds(names[i], slot)}
    assert withheld
    assert {(names[i], slot) for i, slot in told} - arrived == withheld
    assert not withheld & arrived
    assert b"coalmine_agent_withheld_total" in metrics

    assert (second.control, second.control_share) == (True, 1 / 500)
    assert agreed(KEY.encode(), second.control_share, second.control_key) is None
    assert agreed(KEY[::-1].encode(), second.control_share, second.control_key) is not None
    assert KEY not in agent.text()


async def test_check_says_what_it_is(tmp_path: Path) -> None:
    agent = AgentService(tmp_path, configuration(1883, control={"share": "1/500", "key": KEY}))
    argv = [sys.executable, "-m", "coalmine_cli.main", "agent", "check", str(agent.file)]
    process = Process(argv, log=tmp_path / "output")
    await process.start()
    assert await process.wait(20) == 0
    assert process.text().splitlines()[1:] == [
        "a control agent: 0.2% of its datapoints are withheld, on purpose; its key is 787f8285"
    ]


async def test_a_refusal_is_heard_before_its_slot_ends_and_once(
    tmp_path: Path, broker: Mosquitto
) -> None:
    """A part of the slot first, the rest a second later; both add up to the slot."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        services = {"s": {"udp": f"127.0.0.1:{sock.getsockname()[1]}", "tcp": "127.0.0.1:1"}}
        agent = AgentService(tmp_path, configuration(broker.port, services=services))
        async with listening(broker.port) as ear:
            await agent.start()

            def apart(ear: Ear) -> list[Report]:
                """Both reports of the first slot that was told in two."""
                by_slot: dict[int, list[Report]] = {}
                for report in ear.reports:
                    told = by_slot.setdefault(report.slots[0].slot, [])
                    told.append(report)
                    if len(told) == 2:
                        return told
                return []

            early, last = await ear.until(apart)
            slot = early.slots[0].slot
            await ear.until(lambda e: any(told == slot + 1 for _, told in e.slots))
            await agent.stop()
    assert sum(told == slot for _, told in ear.slots) == 2
    ((part,), (rest,)) = early.slots, last.slots
    assert [(o.endpoint, o.verdict) for o in part.outcomes] == [(0, Verdict.FAILED)]
    assert [(o.endpoint, o.verdict) for o in rest.outcomes] == [(1, Verdict.SENT)]
    assert last.sent_at - early.sent_at > 0.5
