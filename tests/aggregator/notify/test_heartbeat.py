"""The heartbeat: sent while the counting is proven, and at no other time."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from coalmine_aggregator.model.alerts import AlertClass, Severity
from coalmine_aggregator.model.progress import Counting, Progress
from coalmine_aggregator.notify import http
from coalmine_aggregator.notify.heartbeat import Heartbeat
from coalmine_aggregator.notify.heartbeat_metrics import HeartbeatMetrics
from coalmine_aggregator.notify.heartbeat_settings import HeartbeatSettings
from coalmine_aggregator.notify.pulse import PROVEN_S, STOPPED_S, Pulse
from coalmine_runtime.clock import monotonic
from coalmine_runtime.config_error import ConfigError
from coalmine_runtime.settings import loads
from tests.servers.waiting import until

NOW = 1_800_000_000.0


def progress(counting: Counting = Counting.RIGHT, *, behind_s: float = 4.0) -> Progress:
    return Progress(NOW, int(NOW - behind_s), counting)


class Clock:
    now = 100.0
    broken = False

    def __call__(self) -> float:
        if self.broken:
            raise ZeroDivisionError
        return self.now


def test_a_pulse_counts_until_the_loop_stops_or_the_counting_is_wrong() -> None:
    clock = Clock()
    pulse = Pulse(clock)
    assert not pulse.counts()
    pulse.beat(progress(Counting.UNCHECKED))
    assert pulse.counts()
    assert not pulse.proves()
    clock.now += STOPPED_S
    assert pulse.counts()
    clock.now += 0.1
    assert not pulse.counts()
    pulse.beat(progress(Counting.WRONG))
    assert not pulse.counts()
    assert pulse.is_wrong
    pulse.beat(progress(behind_s=16.0))  # the loop runs, and settles nothing
    assert not pulse.counts()
    assert not pulse.proves()


def test_a_proof_is_good_for_thirty_seconds() -> None:
    clock = Clock()
    pulse = Pulse(clock)
    pulse.beat(progress())
    assert pulse.proves()
    for _ in range(int(PROVEN_S)):
        clock.now += 1
        pulse.beat(progress(Counting.UNPROVEN))
        assert pulse.proves()
    clock.now += 1
    pulse.beat(progress(Counting.UNPROVEN))
    assert not pulse.proves()
    assert pulse.counts()


class Listener:
    def __init__(self) -> None:
        self.paths: list[str] = []
        self.status = 200
        self.heard = asyncio.Condition()
        self.port = 0

    async def take(self, request: web.Request) -> web.Response:
        assert request.method == "GET"
        self.paths.append(request.path)
        async with self.heard:
            self.heard.notify_all()
        return web.Response(status=self.status)

    async def until(self, count: int) -> None:
        async with asyncio.timeout(20), self.heard:
            await self.heard.wait_for(lambda: len(self.paths) >= count)


@pytest.fixture
async def listener() -> AsyncIterator[Listener]:
    found = Listener()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", found.take)
    runner = web.AppRunner(app, shutdown_timeout=0.5)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    found.port = runner.addresses[0][1]
    yield found
    await runner.cleanup()


@contextlib.asynccontextmanager
async def beating(listener: Listener, pulse: Pulse, every: str = "1s") -> AsyncIterator[Heartbeat]:
    text = f"{{url: 'http://127.0.0.1:{listener.port}/ping/abc', every: {every}}}"
    heartbeat = Heartbeat(loads(HeartbeatSettings, text, {}), pulse)
    task = asyncio.create_task(heartbeat.run())
    try:
        yield heartbeat
    finally:
        task.cancel()
        await asyncio.wait([task])


def counted(heartbeat: Heartbeat) -> tuple[float, float]:
    """Sent and failed, as they are told to Prometheus."""
    families = {each.name: each.samples for each in HeartbeatMetrics(heartbeat).collect()}
    (sent,), (failed,) = families["coalmine_heartbeats_sent"], families["coalmine_heartbeats_failed"]
    return sent.value, failed.value


async def test_it_is_sent_once_the_counting_is_proven_and_fails_with_it(listener: Listener) -> None:
    clock = Clock()
    pulse = Pulse(clock)
    pulse.beat(progress(Counting.UNPROVEN))
    async with beating(listener, pulse):
        await asyncio.sleep(0.2)  # nothing must come
        assert listener.paths == []
        pulse.beat(progress())
        await listener.until(2)
        assert set(listener.paths) == {"/ping/abc"}
        pulse.beat(progress(Counting.WRONG))
        before = len(listener.paths)
        await listener.until(before + 2)
        assert set(listener.paths[before:]) == {"/ping/abc/fail"}
        clock.now += STOPPED_S + 1


async def test_that_nobody_takes_it_is_found(listener: Listener) -> None:
    pulse = Pulse(Clock())
    pulse.beat(progress())
    listener.status = 500
    async with beating(listener, pulse) as heartbeat:
        await listener.until(2)
        assert heartbeat.look(progress()) == []
        await listener.until(4)
        (found,) = heartbeat.look(progress())
        assert (found.alert_class, found.handle) == (AlertClass.PEER, "heartbeat")
        assert found.severity is Severity.TICKET
        assert "500" in found.note
        sent, failed = counted(heartbeat)
        assert sent == 0
        assert failed >= 3
        listener.status = 200
        await listener.until(len(listener.paths) + 2)
        assert counted(heartbeat)[0] >= 1
        listener.status = 200
        await listener.until(6)
        assert heartbeat.look(progress()) == []
        assert heartbeat.failed >= 3


def fault(*_: object) -> None:
    """In place of what reads an answer."""
    raise ZeroDivisionError


async def test_after_a_fault_it_goes_on_at_its_pace(
    listener: Listener, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(http, "retry_after_s", fault)
    pulse = Pulse(Clock())
    pulse.beat(progress())
    began = monotonic()
    async with beating(listener, pulse, every="2s"):
        await listener.until(2)
        assert monotonic() - began >= 1.9
    assert "notify.heartbeat.fault" in [each.getMessage() for each in caplog.records if each.exc_info]


async def test_faults_that_last_are_found_and_end_nothing(
    listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    pulse = Pulse(Clock())
    pulse.beat(progress())
    async with beating(listener, pulse) as heartbeat:
        with monkeypatch.context() as broken:
            broken.setattr(http, "retry_after_s", fault)
            await listener.until(4)
            (found,) = heartbeat.look(progress())
            assert "ZeroDivisionError" in found.note
        await listener.until(6)
        assert heartbeat.look(progress()) == []


async def test_a_fault_before_a_beat_ends_nothing(listener: Listener) -> None:
    clock = Clock()
    pulse = Pulse(clock)
    pulse.beat(progress())
    clock.broken = True
    async with beating(listener, pulse) as heartbeat:

        async def failed() -> bool:
            return heartbeat.failed > 0

        await until(failed, deadline_s=10.0, what="a look has failed")
        assert listener.paths == []
        clock.broken = False
        await listener.until(1)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("{url: 'http://hc.example/x'}", "url"),
        ("{url: 'https://hc.example/x?a=1'}", "url"),
        ("{url: 'https://10.0.0.1/x'}", "url"),
        ("{url: 'https://hc.example/x', every: 500ms}", "every"),
    ],
)
def test_what_cannot_be_is_refused(text: str, key: str) -> None:
    with pytest.raises(ConfigError, match=key):
        loads(HeartbeatSettings, text, {})
