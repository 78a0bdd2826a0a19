"""The alert that always fires, at the real Alertmanager, and that it stops."""

from __future__ import annotations

from pathlib import Path

import aiohttp
import pytest

from coalmine_aggregator.model.progress import Counting, Progress
from coalmine_aggregator.notify.alertmanager.receiver import Alertmanager as Receiver
from coalmine_aggregator.notify.alertmanager.settings import AlertmanagerSettings
from coalmine_aggregator.notify.alertmanager.watchdog import Watchdog
from coalmine_aggregator.notify.http import Client
from coalmine_aggregator.notify.pulse import Pulse
from coalmine_aggregator.notify.web_url import WebUrl
from coalmine_runtime import clock
from tests.servers.alertmanager import Alertmanager
from tests.servers.hook import Hook
from tests.servers.waiting import until


def progress(counting: Counting = Counting.UNCHECKED) -> Progress:
    now = clock.wall()
    return Progress(now, int(now) - 4, counting)


async def test_alertmanager_is_told_while_we_count(tmp_path: Path, hook: Hook, client: Client) -> None:
    server = Alertmanager(tmp_path / "am", hook=hook.url)
    await server.start()
    pulse = Pulse()
    settings = AlertmanagerSettings(urls=[WebUrl.parse(server.url)], resend=1.0)
    sender = Receiver(settings, client, Watchdog("prod", pulse))
    sender.start(())
    try:

        async def firing() -> list[dict[str, str]]:
            async with (
                aiohttp.ClientSession() as http,
                http.get(f"{server.url}/api/v2/alerts") as response,
            ):
                return [alert["labels"] for alert in await response.json()]

        assert await firing() == []
        pulse.beat(progress())
        (labels,) = await until(firing, deadline_s=10, what="the Watchdog fires")
        assert labels == {"alertname": "Watchdog", "fleet": "prod", "severity": "none"}
    finally:
        await sender.close()
        await server.stop()


class Clock:
    broken = False

    def __call__(self) -> float:
        if self.broken:
            raise ZeroDivisionError
        return 100.0


async def test_a_fault_in_one_round_is_told_and_ends_no_other(
    hook: Hook, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock()
    pulse = Pulse(clock)
    pulse.beat(progress())
    clock.broken = True
    hook.status = 200
    settings = AlertmanagerSettings(urls=[WebUrl.parse(hook.url)], resend=1.0)
    sender = Receiver(settings, client, Watchdog("prod", pulse))
    sender.start(())
    try:

        async def faults() -> list[str]:
            return [each.getMessage() for each in caplog.records if each.exc_info]

        told = await until(faults, deadline_s=10, what="a round has failed")
        assert set(told) == {"notify.alertmanager.fault"}
        assert hook.messages == []
        clock.broken = False
        await hook.until(1)
    finally:
        await sender.close()


def test_it_ends_with_the_counting() -> None:
    pulse = Pulse()
    watchdog = Watchdog("prod", pulse)
    assert watchdog.alert(clock.wall(), 30.0) is None
    pulse.beat(progress())
    found = watchdog.alert(1_800_000_000.0, 30.0)
    assert found is not None
    assert found["startsAt"] == "2027-01-15T08:00:00Z"
    assert found["endsAt"] == "2027-01-15T08:01:30Z"
    pulse.beat(progress(Counting.WRONG))
    assert watchdog.alert(1_800_000_001.0, 30.0) is None
