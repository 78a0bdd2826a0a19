"""Every protocol arrives, through the servers that people run, and the counts are exact."""

from __future__ import annotations

from pathlib import Path

from coalmine_wire.protocols import Protocol
from tests.conftest import Authority, Certificate
from tests.e2e.api import FATES
from tests.e2e.fleet import Fleet
from tests.e2e.site import Site
from tests.servers.mosquitto import Mosquitto

SLOTS = 10


async def test_all_six_protocols_are_delivered_and_the_sum_rates_are_the_number_of_agents(
    site: Site, fleet: Fleet
) -> None:
    assert set(fleet.expected) == set(Protocol)
    first = await site.api.until_whole(fleet.expected, slots=SLOTS)

    by_protocol = await site.api.rates("protocol", first=first)
    assert by_protocol.keys() == fleet.expected.keys()
    for protocol, rows in by_protocol.items():
        assert [row.slot for row in rows][:SLOTS] == list(range(first, first + SLOTS)), protocol
        assert all(row.exact and row.received == len(fleet.agents) for row in rows), rows

    by_place = await site.api.rates("location,region,protocol", first=first)
    for agent in fleet.agents:
        for protocol in Protocol:
            key = f"{agent.place.location}/{agent.place.region}/{protocol}"
            assert all(row.exact and row.received == 1 for row in by_place[key])

    answer = await site.api.fates(**{"by": "host", "from": str(first)})
    assert answer["balanced"]
    assert answer["total"]["expected"] == sum(answer["total"]["fates"][fate] for fate in FATES)
    assert answer["total"]["loss"] == 0
    assert not (await site.api.alerts())["open"]

    # The relays' one rule takes nothing from anybody: the canaries pass on to the store as well.
    for name in (rb"tcp 1", rb"udp 1", rb"tls 1"):
        await site.store.until(rb"canary\.ingest\.\S+\." + name)
    await site.store.until(rb"canary\.ingest\.[a-z0-9_.-]+\.pickle_tls")


async def test_a_broker_with_tls_and_passwords(
    tmp_path: Path, authority: Authority, loopback: Certificate
) -> None:
    passwords = {"agent": "an agent's", "aggregator": "the aggregator's"}
    broker = Mosquitto(tmp_path / "broker", passwords=passwords, certificate=loopback)
    await broker.start()

    def section(user: str) -> dict[str, str]:
        secret = tmp_path / f"{user}.password"
        secret.write_text(passwords[user] + "\n")
        return {
            "url": f"mqtts://localhost:{broker.port}",
            "username": user,
            "password_file": str(secret),
            "ca_file": str(authority.ca_file),
        }

    try:
        async with Site(tmp_path, authority, loopback, broker=section("aggregator")) as site:
            await site.api.until_ready()
            endpoints = {"https": site.endpoints["https"]}
            fleet = Fleet(tmp_path / "agents", broker=section("agent"), endpoints=endpoints)
            try:
                await fleet.start()
                await site.api.until_whole(fleet.expected)
            finally:
                await fleet.kill()
            logs = [site.aggregator.text(), *(agent.text() for agent in fleet.agents)]
            assert not [log for log in logs if any(secret in log for secret in passwords.values())]
    finally:
        await broker.stop()
