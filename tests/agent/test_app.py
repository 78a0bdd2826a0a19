"""The agent as a process: start, reload, goodbye, kill, telemetry, systemd."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from coalmine_aggregator.demo.ports import free_port
from coalmine_runtime import clock
from coalmine_wire.reports import Life, Verdict
from tests.agent.ear import Ear, listening
from tests.agent.service import AgentService, configuration
from tests.servers.mosquitto import Mosquitto


@pytest.fixture
async def broker(tmp_path: Path) -> AsyncIterator[Mosquitto]:
    mosquitto = Mosquitto(tmp_path / "mosquitto")
    await mosquitto.start()
    yield mosquitto
    await mosquitto.stop()


@pytest.fixture
async def line_server() -> AsyncIterator[int]:
    """Takes plaintext lines; its port."""

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(take, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()


def consecutive(slots: list[int]) -> bool:
    return slots == list(range(slots[0], slots[0] + len(slots)))


async def test_a_life_from_birth_to_goodbye(
    tmp_path: Path, broker: Mosquitto, line_server: int
) -> None:
    config = configuration(broker.port, services={"s": {"tcp": f"127.0.0.1:{line_server}"}})
    agent = AgentService(tmp_path, config)
    async with listening(broker.port) as ear:
        await agent.start()
        await ear.until(lambda e: len(e.slots) >= 2)
        assert (await agent.health())["status"] == "ok"
        _, metrics = await agent.get("/metrics")
        assert b'coalmine_agent_attempts_total{protocol="tcp",verdict="sent"}' in metrics
        began = clock.monotonic()
        agent.signal(signal.SIGTERM)
        assert await agent.wait(5) == 0
        assert clock.monotonic() - began < 2
        await ear.until(lambda e: e.states[-1].life is Life.GOODBYE)
        goodbye = ear.states[-1]
        birth = ear.births[0]
        told = [number for _, number in ear.slots]
        assert told[0] == birth.first_slot
        assert told[-1] == goodbye.last_slot
        assert consecutive(told)
        assert all(
            outcome.verdict is Verdict.SENT
            for report in ear.reports
            for each in report.slots
            for outcome in each.outcomes
        )
        assert Life.LOST not in [state.life for state in ear.states]


async def test_a_killed_agent_leaves_its_last_will(tmp_path: Path, broker: Mosquitto) -> None:
    agent = AgentService(tmp_path, configuration(broker.port))
    async with listening(broker.port) as ear:
        await agent.start()
        await ear.until(lambda e: e.states)
        await agent.kill()
        await ear.until(lambda e: e.states[-1].life is Life.LOST)


async def test_a_reload_misses_no_slot(tmp_path: Path, broker: Mosquitto, line_server: int) -> None:
    good = {"s": {"tcp": f"127.0.0.1:{line_server}"}}
    agent = AgentService(tmp_path, configuration(broker.port, services=good))
    async with listening(broker.port) as ear:
        await agent.start()
        await ear.until(lambda e: len(e.slots) >= 2)
        more = {"s": {**good["s"], "udp": "127.0.0.1:1"}}
        for revision in (2, 3):
            agent.write(configuration(broker.port, services=more))
            agent.signal(signal.SIGHUP)
            await ear.until(lambda e: any(told == revision for told, _ in e.slots))  # noqa: B023
        await agent.stop()
        assert [birth.revision for birth in ear.births] == [1, 2, 3]
        assert [len(birth.endpoints) for birth in ear.births] == [1, 2, 2]
        assert sorted(number for _, number in ear.slots) == [number for _, number in sorted(ear.slots)]
        assert consecutive(sorted(number for _, number in ear.slots))
        firsts = {birth.revision: birth.first_slot for birth in ear.births}
        for revision, number in ear.slots:
            assert number >= firsts[revision]
            assert number < firsts.get(revision + 1, number + 1)


async def test_reloads_in_a_row_lose_no_report(tmp_path: Path, broker: Mosquitto) -> None:
    agent = AgentService(tmp_path, configuration(broker.port))
    async with listening(broker.port) as ear:
        await agent.start()
        await ear.until(lambda e: len(e.slots) >= 2)
        for revision in (2, 3):
            agent.signal(signal.SIGHUP)
            await agent.until_logged(f"agent.reload.done revision={revision} ")
        await ear.until(lambda e: any(told == 3 for told, _ in e.slots))
        await agent.stop()
        assert consecutive(sorted(number for _, number in ear.slots))
    assert ".bug" not in agent.text()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"services": {"s": {"tpc": "h:1"}}}, '"tpc" is no protocol; did you mean "tcp"?'),
        (
            {"agent": {"location": "external", "region": "r", "zone": "z", "id": "other"}},
            "needs a restart",
        ),
        ({"metrics": "127.0.0.1:{taken}"}, "Address already in use"),
    ],
)
async def test_a_bad_configuration_leaves_the_old_one_running(
    tmp_path: Path, broker: Mosquitto, change: dict[str, Any], said: str
) -> None:
    if "metrics" in change:
        change = {"metrics": f"127.0.0.1:{broker.port}"}
    agent = AgentService(tmp_path, configuration(broker.port))
    async with listening(broker.port) as ear:
        await agent.start()
        await ear.until(lambda e: e.slots)
        agent.write(configuration(broker.port, **change))
        agent.signal(signal.SIGHUP)
        await agent.until_logged("agent.reload.refused")
        health = await agent.health()
        assert said in health["reload_error"]
        assert health["revision"] == 1
        _, metrics = await agent.get("/metrics")
        assert b"coalmine_agent_config_refused 1\n" in metrics
        before = len(ear.slots)
        await ear.until(lambda e: len(e.slots) >= before + 2)
        agent.write(configuration(broker.port))
        agent.signal(signal.SIGHUP)
        await agent.until_logged("agent.reload.done")
        assert (await agent.health())["reload_error"] == ""
        await agent.stop()
        assert consecutive(sorted(number for _, number in ear.slots))


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
async def test_what_a_dead_agent_could_not_tell_its_successor_does(
    tmp_path: Path, how: signal.Signals
) -> None:
    port = free_port()
    (tmp_path / "state").mkdir()
    agent = AgentService(
        tmp_path, configuration(port), env={"STATE_DIRECTORY": str(tmp_path / "state")}
    )
    await agent.start()

    def slots_spooled() -> bool:
        return any(file.stat().st_size > 800 for file in (tmp_path / "state").rglob("*.spool"))

    await agent.until_true(slots_spooled, "reports in the spool")
    await agent.stop(how)
    broker = Mosquitto(tmp_path / "mosquitto", port=port)
    await broker.start()
    async with listening(port) as ear:
        await agent.start()
        await ear.until(lambda e: len({r.boot for r in e.reports}) == 2)
        old, new = ear.births[0], ear.births[1]
        assert old.boot != new.boot
        replayed = [s.slot for r in ear.reports if r.boot == old.boot for s in r.slots]
        assert all(report.replayed for report in ear.reports if report.boot == old.boot)
        assert replayed[0] == old.first_slot
        assert consecutive(replayed)
        await agent.stop()
    await broker.stop()


async def test_sigterm_ends_it_in_time_while_the_broker_hangs(tmp_path: Path) -> None:
    """Nobody accepts at the broker's port: the connecting thread must not hold up the end."""
    hole = socket.create_server(("127.0.0.1", 0), backlog=1)
    fillers = []
    for _ in range(3):
        filler = socket.socket()
        filler.setblocking(False)
        filler.connect_ex(hole.getsockname())
        fillers.append(filler)
    agent = AgentService(tmp_path, configuration(hole.getsockname()[1]))
    await agent.start()
    await agent.until_logged("agent.started")
    began = clock.monotonic()
    agent.signal(signal.SIGTERM)
    assert await agent.wait(5) == 0
    assert clock.monotonic() - began < 2
    for sock in (*fillers, hole):
        sock.close()


async def test_statsd_and_systemd_hear_of_every_slot(tmp_path: Path, broker: Mosquitto) -> None:
    statsd = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    statsd.bind(("127.0.0.1", 0))
    statsd.setblocking(False)
    notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    notify.bind(str(tmp_path / "notify"))
    notify.setblocking(False)
    loop = asyncio.get_running_loop()
    said: list[str] = []

    async def until_said(line: str) -> None:
        async with asyncio.timeout(10):
            while line not in said:
                said.extend((await loop.sock_recv(notify, 4096)).decode().splitlines())

    address = f"127.0.0.1:{statsd.getsockname()[1]}"
    config = configuration(broker.port, statsd={"address": address, "prefix": "p"})
    env = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "3000000"}
    agent = AgentService(tmp_path, config, env)
    await agent.start()
    await until_said("READY=1")
    await until_said("WATCHDOG=1")
    async with asyncio.timeout(10):
        lines = (await loop.sock_recv(statsd, 4096)).decode().splitlines()
    assert "p.s.tcp.failed:1|c" in lines
    assert "p.slots:1|c" in lines
    assert any(line.startswith("p.s.tcp.connect:") and line.endswith("|ms") for line in lines)
    said.clear()
    agent.signal(signal.SIGHUP)
    await until_said("RELOADING=1")
    await until_said("READY=1")
    await agent.stop()
    await until_said("STOPPING=1")
    statsd.close()
    notify.close()


async def test_secrets_show_nowhere(tmp_path: Path, broker: Mosquitto) -> None:
    secrets = {"PASS": "sesame-broker", "KEY": "sesame-key", "BASIC": "sesame-basic"}
    (tmp_path / "key").write_text("sesame-file\n")
    config = configuration(
        broker.port,
        broker={"url": f"mqtt://127.0.0.1:{broker.port}", "fleet": "test", "password": "${PASS}"},
        services={
            "s": {
                "tcp": {"address": "127.0.0.1:1", "key": "${KEY}"},
                "udp": {"address": "127.0.0.1:1", "key_file": str(tmp_path / "key")},
                "https": {"url": "https://127.0.0.1:1/", "username": "u", "password": "${BASIC}"},
            }
        },
        log={"level": "debug"},
    )
    agent = AgentService(tmp_path, config, env=secrets)
    async with listening(broker.port) as ear:
        await agent.start()
        await ear.until(lambda e: e.slots)
        _, metrics = await agent.get("/metrics")
        health = str(await agent.health())
        agent.signal(signal.SIGHUP)
        await agent.until_logged("agent.reload.done")
        await agent.stop()
        everything = agent.text() + metrics.decode() + health + _words(ear)
    assert "sesame" not in everything
    assert os.environ.get("PASS") is None


def _words(ear: Ear) -> str:
    return f"{ear.births}{ear.states}{ear.reports}"
