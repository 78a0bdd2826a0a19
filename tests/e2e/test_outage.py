"""What an outage looks like: how soon it shows, what it is told as, and that it ends."""

from __future__ import annotations

import asyncio
from pathlib import Path

from coalmine_runtime import clock
from tests.conftest import Authority, Certificate
from tests.e2e.api import SlotRow
from tests.e2e.fleet import Fleet
from tests.e2e.site import RELAYED, Site
from tests.servers.carbon_c_relay import CarbonCRelay
from tests.servers.namespace import Link, Namespace

ZERO_S = 4.0
"""A killed server's sum rates are seen at zero within this."""


async def inside_a_second(fraction: float) -> None:
    """Waits until that part of a UTC second has passed."""
    await asyncio.sleep((fraction - clock.wall()) % 1.0)


async def test_a_killed_relay_is_seen_told_and_over_when_it_is_back(site: Site, fleet: Fleet) -> None:
    agents = len(fleet.agents)
    # The first whole second without anything begins up to 1 s after the kill, settles 3 s later and
    # is looked at every 0.2 s: 3.2 s to 4.2 s, by when in a second the relay dies. This is the middle.
    await inside_a_second(0.5)
    await site.relay.kill()
    killed = clock.wall()

    async def all_zero() -> bool:
        newest = await site.api.rates("protocol", last=1)
        return all(newest[name][0].received == 0 for name in RELAYED)

    await site.api.until(all_zero, ZERO_S, f"{RELAYED} at zero")
    assert clock.wall() - killed < ZERO_S

    alert = await site.api.until_alert(deadline_s=5, service="ingest")
    assert alert["class"] == "loss"
    assert alert["severity"] == "page"
    assert alert["owner"] == "ingest-oncall"
    assert alert["playbook"] == "https://wiki.example/ingest"
    assert int(killed) - 1 <= alert["since"] <= killed + 1

    # Three of six protocols, everywhere: one page, and a ticket for each that began with it.
    async def all_told() -> list[dict[str, object]]:
        found = [each for each in (await site.api.alerts())["open"] if each["class"] == "loss"]
        return found if len(found) == len(RELAYED) else []

    told = await site.api.until(all_told, 5, "every protocol is told")
    assert sorted(str(each["scope"]) for each in told) == sorted(
        str({"protocol": name}) for name in RELAYED
    )
    assert [each["severity"] for each in told].count("page") == 1

    dead = int(killed) + 1
    await site.api.until_settled(dead + 3)
    rates = await site.api.rates("protocol", first=dead)
    for name in RELAYED:
        for row in rates[name]:
            # A machine that stalls makes an agent's second unknown, whatever the relay did.
            assert (row.expected, row.received) == (agents, 0), row
            assert row.bad + row.fates["unknown"] == agents, row
    for name in rates.keys() - set(RELAYED):
        assert all(row.exact for row in rates[name]), name
    # Nobody listens for TCP: refused. UDP is heard to be refused too, for its socket stays open.
    assert all(row.fates["failed"] == row.bad for row in rates["tcp"] + rates["udp"])
    assert sum(row.bad == agents for row in rates["tcp"]) > len(rates["tcp"]) / 2

    alert = await site.api.until_alert(deadline_s=5, service="ingest")
    rows = await window(site, alert)
    assert alert["sums"]["bad"] == sum(row.bad for row in rows)
    assert alert["sums"]["expected"] == sum(row.expected for row in rows)

    await site.relay.start()
    await site.api.until_whole(fleet.expected)
    await site.api.until_quiet()
    recent = (await site.api.alerts())["recent"]
    assert {found["number"] for found in recent} >= {found["number"] for found in told}
    assert [found["severity"] for found in recent].count("page") == 1
    assert all(found["closed_at"] is not None for found in recent)


async def window(site: Site, alert: dict[str, object]) -> list[SlotRow]:
    """The slots of a protocol that the counts of an alert about it are of, the newest last."""
    scope, length = alert["scope"], alert["window_s"]
    assert isinstance(scope, dict)
    assert isinstance(length, int)
    rows = (await site.api.rates("protocol", last=length))[scope["protocol"]]
    return rows[-length:]


async def test_a_slow_path_abandons_everything_and_harms_no_other_slot(
    tmp_path: Path, authority: Authority, loopback: Certificate
) -> None:
    async with (
        Namespace() as namespace,
        Link(namespace, 10) as slow,
        Link(namespace, 20) as straight,
        Site(tmp_path, authority, loopback, behind=straight.here) as site,
    ):
        relay = CarbonCRelay(
            tmp_path / "far",
            aggregator=f"{straight.here}:{site.ports['tcp']}",
            store=f"{straight.here}:{site.store.port}",
            host=slow.there,
            prefix=namespace.command([]),
        )
        await relay.start()
        endpoints = {
            "tcp": f"{slow.there}:{relay.port}",
            "https": site.endpoints["https"],
        }
        fleet = Fleet(tmp_path / "agents", broker=site.broker, endpoints=endpoints)
        try:
            await fleet.start()
            await site.api.until_whole(fleet.expected)
            agents = len(fleet.agents)

            await slow.delay(1200)
            delayed = int(clock.wall()) + 1
            await site.api.until_settled(delayed + 9)
            rates = await site.api.rates("protocol", first=delayed)
            for row in rates["tcp"]:
                # A machine that stalls makes an agent's second unknown, whatever the path did.
                assert row.fates["abandoned"] + row.fates["unknown"] == row.expected == agents, row
                assert row.received == 0, row
            assert sum(row.fates["abandoned"] == agents for row in rates["tcp"]) > len(rates["tcp"]) / 2
            # The schedule of the rest is unharmed: no slot is skipped or late, none counted twice.
            assert all(row.exact for row in rates["https"])
            assert [row.slot for row in rates["https"]] == [row.slot for row in rates["tcp"]]
            alert = await site.api.until_alert(service="ingest")
            assert alert["scope"] == {"protocol": "tcp"}

            await slow.delay(0)
            back = int(clock.wall()) + 2
            await site.api.until_settled(back + 5)
            rates = await site.api.rates("protocol", first=back)
            for row in rates["tcp"] + rates["https"]:
                assert row.exact, row
            await site.api.until_quiet()
            oddities = await site.api.oddities()
            assert not oddities.get("duplicates"), oddities
            for agent in fleet.agents:
                assert "agent.slot.missed" not in agent.text()
        finally:
            await fleet.kill()
            await relay.stop()
