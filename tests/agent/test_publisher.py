"""The publisher against a real Mosquitto: order, last will, goodbye, spool, other brokers."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from coalmine_agent.identity import Identity
from coalmine_agent.plan import EndpointPlan
from coalmine_agent.publisher import REPLAY_REPORTS, Publisher
from coalmine_agent.spool import Spool
from coalmine_aggregator.demo.ports import free_port
from coalmine_runtime import clock
from coalmine_runtime.mqtt import BrokerError, BrokerSettings, BrokerUrl
from coalmine_runtime.secret import Secret
from coalmine_wire.protocols import Protocol
from coalmine_wire.reports import Life, Outcome, SlotReport, Verdict
from coalmine_wire.series import Location
from tests.agent.ear import listening
from tests.servers.mosquitto import Mosquitto
from tests.servers.waiting import until

PLANS = [EndpointPlan("s", Protocol.TCP, "", "127.0.0.1", 2003, "canary.s", 0)]


def identity(boot: str = "b1", interval_s: int = 1) -> Identity:
    return Identity("test", "a1", boot, 1.0, Location.EXTERNAL, "r", "z", "h", interval_s)


def at(port: int, password: str = "") -> BrokerSettings:
    url = BrokerUrl("127.0.0.1", port, tls=False)
    if password:
        return BrokerSettings(url=url, fleet="test", username="a1", password=Secret(password))
    return BrokerSettings(url=url, fleet="test")


def slot(number: int) -> list[SlotReport]:
    return [SlotReport(number, [Outcome(0, Verdict.SENT, None, (-1, 5))])]


@contextlib.asynccontextmanager
async def speaking(
    port: int, *, boot: str = "b1", folder: Path | None = None, spool: Spool | None = None
) -> AsyncIterator[Publisher]:
    spool = spool or Spool(max_bytes=1 << 20, max_age_s=86400, folder=folder)
    publisher = Publisher(identity(boot), at(port), None, spool)
    publisher.announce(identity(boot), identity(boot).birth(1, 100, PLANS))
    task = asyncio.ensure_future(publisher.run())
    try:
        yield publisher
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        spool.close()


async def so(condition: Callable[[], bool], what: str, deadline_s: float = 10) -> None:
    """Waits until it is so."""

    async def holds() -> bool:
        return condition()

    await until(holds, deadline_s=deadline_s, what=what)


@pytest.fixture
async def broker(tmp_path: Path) -> AsyncIterator[Mosquitto]:
    mosquitto = Mosquitto(tmp_path / "mosquitto")
    await mosquitto.start()
    yield mosquitto
    await mosquitto.stop()


async def test_birth_and_state_come_before_the_first_report_and_are_retained(
    broker: Mosquitto,
) -> None:
    async with listening(broker.port) as ear, speaking(broker.port) as publisher:
        publisher.report(1, slot(int(clock.wall())))
        await ear.until(lambda e: e.reports)
        assert [birth.revision for birth in ear.births] == [1]
        assert [state.life for state in ear.states] == [Life.ALIVE]
        async with listening(broker.port) as later:
            await later.until(lambda e: len(e.retained) == 2)
            assert later.births == ear.births


async def test_a_connection_that_breaks_leaves_the_last_will(broker: Mosquitto) -> None:
    async with listening(broker.port) as ear:
        async with speaking(broker.port) as publisher:
            await ear.until(lambda e: e.states)
            assert publisher._connection is not None
            sock = publisher._connection._client._client.socket()
            assert isinstance(sock, socket.socket)
            sock.shutdown(socket.SHUT_RDWR)
            await ear.until(lambda e: [s.life for s in e.states] == [Life.ALIVE, Life.LOST, Life.ALIVE])
            assert len(ear.births) == 2  # told again on reconnect
            await so(lambda: publisher.connections == 2, "connected twice")


async def test_goodbye_is_retained_and_the_last_will_stays_unsaid(broker: Mosquitto) -> None:
    async with listening(broker.port) as ear, speaking(broker.port) as publisher:
        await ear.until(lambda e: e.states)
        publisher.report(1, slot(int(clock.wall())))
        assert await publisher.goodbye(123, "SIGTERM", 1.0)
        await ear.until(lambda e: e.states[-1].life is Life.GOODBYE)
        assert ear.states[-1].last_slot == 123
        assert ear.states[-1].reason == "SIGTERM"
        assert len(ear.reports) == 1
        async with listening(broker.port) as later:
            await later.until(lambda e: e.states)
            assert later.states[0].life is Life.GOODBYE


async def test_what_waited_is_replayed_in_order_beside_what_is_fresh(tmp_path: Path) -> None:
    port = free_port()
    now = int(clock.wall())
    old = list(range(now - 2 * REPLAY_REPORTS - 30, now))
    async with speaking(port) as publisher:
        for number in old:
            publisher.report(1, slot(number))
        mosquitto = Mosquitto(tmp_path / "mosquitto", port=port)
        await mosquitto.start()
        async with listening(port) as ear:
            await so(lambda: publisher.connected, "connected")
            publisher.report(1, slot(now))
            await ear.until(lambda e: len(e.slots) == len(old) + 1)
            replayed = [report for report in ear.reports if report.replayed]
            fresh = [report for report in ear.reports if not report.replayed]
            assert [s.slot for report in replayed for s in report.slots] == old
            assert [s.slot for report in fresh for s in report.slots] == [now]
            assert max(len(report.slots) for report in replayed) == REPLAY_REPORTS
            assert ear.reports.index(fresh[0]) < len(ear.reports) - 1  # it did not wait for them
        assert publisher.spool.records == 0
        await mosquitto.stop()


async def test_a_clock_that_is_days_ahead_for_a_moment_makes_nothing_too_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = free_port()
    now = int(clock.wall())
    async with speaking(port) as publisher:
        for number in range(now - 20, now):
            publisher.report(1, slot(number))
        await so(lambda: publisher.spool.records == 20, "spooled")
        wall = clock.wall
        monkeypatch.setattr(clock, "wall", lambda: wall() + 2 * 86_400)
        mosquitto = Mosquitto(tmp_path / "mosquitto", port=port)
        await mosquitto.start()
        async with listening(port) as ear:
            await so(lambda: publisher.connected and not publisher.spool.records, "replayed")
            assert publisher.spool.dropped_for_age == 0
            await ear.until(lambda e: len(e.slots) == 20)
        await mosquitto.stop()


async def test_a_spool_on_disk_tells_under_the_birth_of_the_process_that_was_killed(
    tmp_path: Path, broker: Mosquitto
) -> None:
    now = int(clock.wall())
    nowhere = free_port()
    async with speaking(nowhere, boot="killed", folder=tmp_path / "spool") as publisher:
        publisher.report(1, slot(now - 1))
    async with listening(broker.port) as ear:
        async with speaking(broker.port, boot="next", folder=tmp_path / "spool"):
            await ear.until(lambda e: e.reports)
            assert [birth.boot for birth in ear.births] == ["killed", "next"]
            assert [report.boot for report in ear.reports] == ["killed"]
            assert ear.slots == [(1, now - 1)]
            async with listening(broker.port) as later:
                await later.until(lambda e: e.births)
                assert later.births[0].boot == "next"  # the old one was not retained


@pytest.mark.parametrize("turns", range(6))
async def test_what_is_told_as_a_connection_ends_is_kept(broker: Mosquitto, turns: int) -> None:
    """In whichever turn of the loop."""
    now = int(clock.wall())
    async with listening(broker.port) as ear, speaking(broker.port) as publisher:
        await so(lambda: publisher.connected, "connected")
        assert publisher._connection is not None
        publisher._break(publisher._connection, BrokerError("the reports hang"))
        for _ in range(turns):
            await asyncio.sleep(0)
        publisher.report(1, slot(now))
        await ear.until(lambda e: e.slots)
        assert set(ear.slots) == {(1, now)}


async def test_what_was_told_of_revisions_is_forgotten_with_them(broker: Mosquitto) -> None:
    async with speaking(broker.port) as publisher:
        for revision in range(2, 9):
            birth = identity().birth(revision, 100 + revision, PLANS)
            publisher.announce(identity(), birth)
            encoded = publisher._births[revision]
            await so(lambda told=encoded: told in publisher._acknowledged, "acknowledged")  # type: ignore[misc]
        assert len(publisher._acknowledged) <= 3


async def test_a_broker_that_hangs_costs_nothing_and_delays_no_caller(
    tmp_path: Path, broker: Mosquitto
) -> None:
    now = int(clock.wall())
    async with listening(broker.port) as ear, speaking(broker.port) as publisher:
        await so(lambda: publisher.connected, "connected")
        broker.signal(signal.SIGSTOP)
        try:
            for number in range(200):
                publisher.report(1, slot(now + number))
            assert publisher.in_flight <= 64
            await so(lambda: publisher.spool.records == 200, "written down", deadline_s=5)
        finally:
            broker.signal(signal.SIGCONT)
        assert await ear.until(lambda e: len(set(e.slots)) == 200)


async def test_announcing_and_moving_while_connected(tmp_path: Path, broker: Mosquitto) -> None:
    other = Mosquitto(tmp_path / "other")
    await other.start()
    async with (
        listening(broker.port) as ear,
        listening(other.port) as other_ear,
        speaking(broker.port) as publisher,
    ):
        await ear.until(lambda e: e.states)
        publisher.announce(identity(), identity().birth(2, 200, PLANS * 2))
        publisher.report(2, slot(int(clock.wall())))
        await ear.until(lambda e: e.reports)
        assert [birth.revision for birth in ear.births] == [1, 2]
        publisher.move(at(other.port), None)
        publisher.report(2, slot(int(clock.wall())))
        await other_ear.until(lambda e: e.reports)
        assert [birth.revision for birth in other_ear.births] == [2]
        assert Life.LOST not in [state.life for state in ear.states]
    await other.stop()


async def test_a_wrong_password_is_retried_and_never_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    mosquitto = Mosquitto(tmp_path / "mosquitto", passwords={"a1": "right"})
    await mosquitto.start()
    spool = Spool(max_bytes=1 << 20, max_age_s=86400)
    publisher = Publisher(identity(), at(mosquitto.port, "sesame-wrong"), None, spool)
    publisher.announce(identity(), identity().birth(1, 100, PLANS))
    task = asyncio.ensure_future(publisher.run())
    await so(lambda: publisher.failures >= 2, "refused twice")
    assert publisher.connections == 0
    publisher.move(at(mosquitto.port, "right"), None)
    await so(lambda: publisher.connections == 1, "let in")
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await mosquitto.stop()
    shown = [str(vars(record)) for record in caplog.records]
    assert any("agent.broker.unreachable" in line for line in shown)
    assert not any("sesame" in line for line in shown)
