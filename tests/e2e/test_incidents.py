"""An outage is one incident, from its first second to its last, whenever the aggregator is killed."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from pathlib import Path

import pytest

from tests.e2e.api import Json
from tests.e2e.fleet import Fleet
from tests.e2e.site import Site

KILLS = 12
MEASURED_S = 8
RESOLVE_AFTER_S = 5


@pytest.mark.prove
@pytest.mark.timeout(400)
async def test_an_outage_is_one_incident_whatever_is_killed(site: Site, tmp_path: Path) -> None:
    site.aggregator.settings["incidents"] = {"resolve_after": RESOLVE_AFTER_S}
    site.aggregator.write()
    await site.aggregator.stop()
    await site.aggregator.start()
    await site.api.until_ready()
    # One protocol behind the relay and one that is not: one cause, and so one alert.
    endpoints = {name: site.endpoints[name] for name in ("tcp", "https")}
    fleet = Fleet(tmp_path / "agents", broker=site.broker, endpoints=endpoints)
    try:
        await fleet.start()
        first = await site.api.until_whole(fleet.expected)
        number = await through_an_outage(site, fleet)
        await is_told_whole(site, number, first)
    finally:
        await fleet.kill()


async def incidents(site: Site) -> list[Json]:
    return list((await site.api.get("/api/v1/incidents"))["incidents"])


async def through_an_outage(site: Site, fleet: Fleet) -> int:
    """From a healthy fleet through an outage and back to one, the aggregator dying a dozen times
    between the opening and the end; the number of its incident, which is resolved."""
    moments = random.Random(11)
    await site.relay.kill()
    (opened,) = await site.api.until(lambda: incidents(site), 20, "the incident opens")
    # What it does not live to see is unknown, and costs nobody anything; some of it must be seen.
    await site.api.until_settled(await site.api.settled() + MEASURED_S)
    for kill in range(KILLS):
        await asyncio.sleep(moments.uniform(0.05, 1.5))  # any moment will do: it is what is varied
        if kill == KILLS * 2 // 3:
            await site.relay.start()  # the rest of them while it recovers
        await site.aggregator.kill()
        await site.aggregator.start()
        await site.api.until_ready()
        assert [each["number"] for each in await incidents(site)] == [opened["number"]]
    await site.api.until_whole(fleet.expected, slots=12, deadline_s=90)

    async def resolved() -> Json | None:
        (found,) = await incidents(site)
        return found if found["state"] == "resolved" else None

    found = await site.api.until(resolved, 60, "the incident is resolved")
    assert found is not None
    return int(found["number"])


async def is_told_whole(site: Site, number: int, first: int) -> None:
    """Its timeline is whole, and what it cost is what history says."""
    detail = await site.api.get(f"/api/v1/incidents/{number}")
    entries, incident = detail["entries"], detail["incident"]
    assert [each["sequence"] for each in entries] == list(range(1, len(entries) + 1))
    assert [each["at"] for each in entries] == sorted(each["at"] for each in entries)
    kinds = Counter(each["kind"] for each in entries)
    assert kinds["opened"] == kinds["alert_closed"] == 1, entries
    states = [each["state"] for each in entries]
    course = [state for place, state in enumerate(states) if place == 0 or states[place - 1] != state]
    assert course == ["investigating", "monitoring", "resolved"]
    (affected,) = incident["affected"]
    assert affected["scope"] == {"protocol": "tcp"}
    begin, end = affected["first"], affected["last"]

    async def lost() -> Counter[str]:
        rates = await site.api.rates("region", first=first, protocol="tcp")
        return Counter(
            {
                region: sum(row.bad for row in rows if begin <= row.slot <= end)
                for region, rows in rates.items()
            }
        )

    async def is_exact() -> bool:
        impact = (await site.api.get(f"/api/v1/incidents/{number}"))["incident"]["impact"]
        if impact is None or impact["last"] < end:
            return False
        assert {cell["protocol"] for cell in impact["cells"]} == {"tcp"}
        history = await lost()
        return history.total() > 0 and history == {
            cell["region"]: cell["bad"] for cell in impact["cells"]
        }

    await site.api.until(is_exact, 60, "what it cost is what history says")
