"""Agents that are not who or when they say: told, set aside, and nobody is paged."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.api import Json
from tests.e2e.fleet import Agent, Fleet, Place
from tests.e2e.site import Site


def libfaketime() -> str:
    """The library that gives a process another clock."""
    for path in Path("/usr/lib").glob("*/faketime/libfaketime.so.1"):
        return str(path)
    raise FileNotFoundError("libfaketime is missing: apt-get install libfaketime (`make test` does it)")


@pytest.mark.parametrize("agent_id", ["canary-eu", "another"], ids=["same_id", "same_labels"])
async def test_a_second_agent_of_one_identity_is_set_aside_and_told(
    site: Site, fleet: Fleet, tmp_path: Path, agent_id: str
) -> None:
    original = fleet.agents[0]
    twin = Agent(
        tmp_path / "twin",
        original.place,
        broker=site.broker,
        endpoints=site.endpoints,
        agent_id=agent_id,
    )
    await twin.start()
    try:

        async def told() -> list[Json]:
            return await site.api.agents(status="set_aside")

        (aside,) = await site.api.until(told, 20, "the twin is set aside")
        assert aside["agent"] == agent_id
        assert aside["note"]
        assert (await site.api.oddities())["identity_clashes"] >= 1
        await site.aggregator.until_logged("aggregator.agent.identity_clash")
        first = await site.api.settled() + 1
        await site.api.until_settled(first + 5)
        for protocol, rows in (await site.api.rates("protocol", first=first)).items():
            for row in rows:
                assert row.expected == row.received == fleet.expected[protocol], (protocol, row)
                assert row.bad == 0, (protocol, row)
        assert len(await site.api.agents(status="alive")) == len(fleet.agents)
        alerts = await site.api.alerts()
        # One cause, one ticket: what arrives twice for it folds into it.
        assert [(alert["class"], alert["severity"]) for alert in alerts["open"]] == [
            ("identity_clash", "ticket")
        ]
        assert alerts["recent"] == []
    finally:
        await twin.kill()
    await site.api.until_whole(fleet.expected)


async def test_an_agent_with_a_wrong_clock_is_unknown_and_pages_nobody(
    site: Site, fleet: Fleet, tmp_path: Path
) -> None:
    wrong = Agent(
        tmp_path / "wrong",
        Place("canary-late", "external", "eu-west-1", "eu-west-1b"),
        broker=site.broker,
        endpoints=site.endpoints,
        env={
            "LD_PRELOAD": libfaketime(),
            "FAKETIME": "-1.5s",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_NO_CACHE": "1",
        },
    )
    await wrong.start()
    try:

        async def noticed() -> Json | None:
            for agent in await site.api.agents():
                if agent["agent"] == wrong.id and abs(agent["offset_s"] or 0) > 0.5:
                    return agent
            return None

        agent = await site.api.until(noticed, 20, "the clock is seen to be wrong")
        assert agent is not None
        assert 1.0 < abs(agent["offset_s"]) < 2.0

        async def judged() -> bool:
            rows = (await site.api.rates(last=1, host=wrong.place.host)).get("", [])
            return any(row.expected == row.fates["unknown"] == len(fleet.expected) for row in rows)

        await site.api.until(judged, 20, "its seconds are unknown")
        first = await site.api.settled() + 1
        await site.api.until_settled(first + 5)
        rates = await site.api.rates("host,protocol", first=first)
        for protocol in fleet.expected:
            for row in rates[f"{wrong.place.host}/{protocol}"]:
                # What it sent arrived, in time even; and yet it is held for nothing.
                assert row.fates["unknown"] == row.expected == row.received == 1, (protocol, row)
            for honest in fleet.agents:
                assert all(row.exact for row in rates[f"{honest.place.host}/{protocol}"])
        alerts = await site.api.alerts()
        assert alerts["open"] == alerts["recent"] == []
    finally:
        await wrong.kill()
