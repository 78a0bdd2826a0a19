"""The aggregator is killed while an alert is open, again and again: neither doubled nor forgotten."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

from tests.e2e.api import Json
from tests.e2e.fleet import Fleet
from tests.e2e.site import Site


@pytest.mark.prove
@pytest.mark.timeout(300)
async def test_an_open_alert_outlives_kill_9(site: Site, tmp_path: Path) -> None:
    # One protocol behind the relay and one that is not: one cause, and so one alert.
    endpoints = {name: site.endpoints[name] for name in ("tcp", "https")}
    fleet = Fleet(tmp_path / "agents", broker=site.broker, endpoints=endpoints)
    try:
        await fleet.start()
        await kill_again_and_again(site, fleet)
    finally:
        await fleet.kill()


async def kill_again_and_again(site: Site, fleet: Fleet) -> None:
    """From a healthy fleet through an outage and back to one, the aggregator dying five times. What it
    has cost is exact all the same: what was not written is unknown, and in no total."""
    first = await site.api.until_whole(fleet.expected)
    await site.relay.kill()

    async def opened() -> list[Json]:
        return list((await site.api.alerts())["open"])

    (alert,) = await site.api.until(opened, 20, "the alert opens")
    assert (alert["severity"], alert["scope"]) == ("page", {"protocol": "tcp"})
    moments = random.Random(7)
    for _ in range(5):
        await asyncio.sleep(moments.uniform(0.5, 2.5))  # any moment will do: it is what is varied
        await site.aggregator.kill()
        await site.aggregator.start()
        await site.api.until_ready()
        assert [each["number"] for each in await opened()] == [alert["number"]]
    await site.relay.start()
    await site.api.until_whole(fleet.expected, slots=12, deadline_s=90)

    async def closed() -> list[Json]:
        alerts = await site.api.alerts()
        return [] if alerts["open"] else list(alerts["recent"])

    (over,) = await site.api.until(closed, 30, "the alert closes")
    assert over["number"] == alert["number"]
    rates = await site.api.rates("protocol", first=first)
    lost = [row.fates for row in rates["tcp"] if row.slot >= over["since"]]
    for fate in ("failed", "abandoned", "lost", "late"):
        assert over["total"]["fates"][fate] == sum(fates[fate] for fates in lost), (fate, over, lost)
    for protocol, rows in rates.items():
        slots = [row.slot for row in rows]
        assert slots == list(range(slots[0], slots[-1] + 1)), protocol  # also those it was away for
        for row in rows:
            assert row.expected == sum(row.fates.values()) == fleet.expected[protocol], (protocol, row)
    log = site.aggregator.text()
    assert (log.count("alert.opened"), log.count("alert.closed")) == (1, 1)
