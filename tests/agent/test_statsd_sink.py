"""StatsD's name: a look-up that hangs holds nobody up, not even the end of the process."""

from __future__ import annotations

import asyncio
import socket
import threading

import pytest
import uvloop

from coalmine_agent.settings import StatsdSettings
from coalmine_agent.statsd_sink import StatsdSink
from coalmine_runtime.daemon_threads import DaemonThreads
from coalmine_wire.reports import SlotReport


def test_a_look_up_that_hangs_is_left_behind_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """With uvloop, as the agent runs: its own look-ups run in threads that are joined at exit."""
    asked, answered = threading.Event(), threading.Event()
    daemons: list[bool] = []

    def hang(*_: object, **__: object) -> list[object]:
        daemons.append(threading.current_thread().daemon)
        asked.set()
        answered.wait(30)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", hang)

    async def run() -> int:
        loop = asyncio.get_running_loop()
        loop.set_default_executor(DaemonThreads())
        sink = StatsdSink(StatsdSettings.parse("statsd.example:8125"))
        task = asyncio.ensure_future(sink.run())
        assert await asyncio.to_thread(asked.wait, 5)
        sink.slot([], SlotReport(1))
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return sink.dropped_slots

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(run()) == 1
    answered.set()
    assert daemons == [True]
