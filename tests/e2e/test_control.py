"""The control agent: what it withholds is counted lost, and nothing else; no service sees any of it."""

from __future__ import annotations

from pathlib import Path

from coalmine_wire.control import Choice
from coalmine_wire.protocols import Protocol
from coalmine_wire.series import Location, make_series
from tests.e2e.fleet import SERVICE, Agent, Fleet, Place
from tests.e2e.site import Site

KEY = "a key of 16 bytes"
SHARE = 0.3
PLACE = Place("control-dc", "internal", "dc1", "dc1-a")
SLOTS = 12


async def test_exactly_what_the_key_chooses_is_counted_lost(
    site: Site, fleet: Fleet, tmp_path: Path
) -> None:
    agent = Agent(tmp_path / "control", PLACE, broker=site.broker, endpoints=site.endpoints)
    agent.settings["control"] = {"share": SHARE, "key": KEY}
    agent.write()
    await agent.start()
    try:

        async def counted() -> bool:
            return bool(await site.api.rates(service="_control", last=3))

        await site.api.until(counted, 30, "the control agent's datapoints are expected")
        first = await site.api.settled() + 3
        await site.api.until_settled(first + SLOTS)
        rates = await site.api.rates("protocol", first=first, service="_control")
        assert set(rates) == set(Protocol)
        choice = Choice(KEY.encode(), SHARE)
        withheld = sent = 0
        for protocol, rows in rates.items():
            name = make_series(
                service=SERVICE,
                protocol=Protocol(protocol),
                location=Location(PLACE.location),
                region=PLACE.region,
                zone=PLACE.zone,
                host=PLACE.host,
            ).name()
            for row in rows[:SLOTS]:
                assert row.expected == 1
                if row.fates["unknown"]:
                    continue  # the machine stalled, and the agent said so
                chosen = choice.withholds(name, row.slot)
                assert row.fates["lost" if chosen else "delivered"] == 1, (protocol, row)
                assert row.received == (not chosen)
                withheld += chosen
                sent += not chosen
        assert withheld > 0
        assert sent > 0
        # The service knows nothing of it.
        for protocol, rows in (await site.api.rates("protocol", first=first)).items():
            assert all(row.exact and row.received == fleet.expected[protocol] for row in rows)
        assert not (await site.api.alerts())["open"]
    finally:
        await agent.kill()
