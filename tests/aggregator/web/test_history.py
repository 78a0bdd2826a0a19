"""The API over history: what was live can be asked again later, whatever the database."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from coalmine_aggregator.web.snapshot import Snapshot
from tests.aggregator.store.beside import locked
from tests.aggregator.web.kept_site import KeptSite, kept_site
from tests.aggregator.web.test_engine import FIRST

GREEN, OUTAGE, AFTER = 130, 45, 700


@pytest.fixture
async def site(database_url: str) -> AsyncIterator[KeptSite]:
    """Two minutes of all well, an outage of udp, and ten minutes of all well: the first of it has left
    memory."""
    async with kept_site(database_url) as running:
        running.view.run(GREEN)
        running.view.run(OUTAGE, lost="udp")
        running.view.run(AFTER)
        await running.view.written()
        yield running


async def test_history(site: KeptSite) -> None:
    """One site for all of it, as it takes a while to make."""
    await counts_of_any_range_agree(site)
    await steps_are_sums(site)
    await a_moment_is_what_was_live(site)
    await strips_show_the_outage(site)
    await latency_is_told_by_step(site)
    await burn_downs_are_of_then(site)
    await agents_and_series_of_then(site)
    await alerts_page_by_page(site)
    await exports_agree_with_fates(site)


async def counts_of_any_range_agree(site: KeptSite) -> None:
    settled = site.view.settled
    fates = await site.get(f"/api/v1/fates?by=protocol&from={FIRST}")
    assert fates["last"] == settled
    assert fates["balanced"]
    lost = {group["labels"]["protocol"]: group["sums"]["fates"]["lost"] for group in fates["groups"]}
    assert lost == {"tcp": 0, "udp": 3 * OUTAGE}
    assert fates["total"]["expected"] == 6 * (settled - FIRST - 1)
    by_host = await site.get(f"/api/v1/fates?by=host&from={FIRST}")
    assert by_host["total"] == fates["total"]
    globbed = await site.get(f"/api/v1/fates?protocol=u*&region=us-????-1&from={FIRST}")
    assert globbed["total"]["fates"]["lost"] == OUTAGE


async def steps_are_sums(site: KeptSite) -> None:
    for step in (1, 10, 60):
        rates = await site.get(f"/api/v1/rates?by=protocol&from={FIRST + 60}&step={step}")
        assert rates["step"] == step
        for group in rates["groups"]:
            fates = group["fates"]
            assert group["expected"] == [sum(row) for row in zip(*fates.values(), strict=True)]
            assert group["expected"] == [3 * seen for seen in rates["seen"]]
            lost = sum(fates["lost"])
            assert lost == (3 * OUTAGE if group["labels"]["protocol"] == "udp" else 0)
        assert rates["groups"][0]["slots"][-1] + step > site.view.settled


async def burn_downs_are_of_then(site: KeptSite) -> None:
    path = "/api/v1/slo/ingest/burn-down?points=1000"
    now = await site.get(path)
    begins = FIRST + 2
    for at in (FIRST + 100, FIRST + GREEN + OUTAGE + 90, int(site.view.now)):
        then = await site.get(f"{path}&at={at}")
        (slo,) = msgspec.json.decode(await site.read(f"/api/v1/moment?at={at}"), type=Snapshot).slo
        assert (then["service"], then["objective"], then["now"]) == ("ingest", now["objective"], at)
        points = then["points"]
        assert points[0]["left"] == 1.0
        assert begins - 60 <= points[0]["slot"] < begins, "nothing is drawn of before"
        assert points[-1]["left"] == slo.left
        assert points[-1]["slot"] <= at
        assert (points[-1]["left"] < 1.0) == (at > FIRST + GREEN)
    problem = await site.get(f"{path}&at={int(site.view.now) + 60}", 400)
    assert problem["detail"] == "at is not over yet."
    await site.get(f"{path}&at=yesterday", 400)


async def a_moment_is_what_was_live(site: KeptSite) -> None:
    for at in (FIRST + 100, FIRST + GREEN + 8, FIRST + GREEN + 40, FIRST + GREEN + OUTAGE + 300):
        live = site.view.live[at]
        told = msgspec.json.decode(await site.read(f"/api/v1/moment?at={at}"), type=Snapshot)
        assert told.settled == live.settled
        assert told.now == live.now
        assert told.cells == live.cells
        assert told.open == live.open
        assert [alert.number for alert in told.recent] == [alert.number for alert in live.recent]
        assert told.fates == live.fates
        assert [agent.agent for agent in told.agents] == [agent.agent for agent in live.agents]
        assert told.agents_by_status == live.agents_by_status
        if at >= FIRST + 100:
            assert [agent.expected_60s for agent in told.agents] == [
                agent.expected_60s for agent in live.agents
            ]
    assert site.view.live[FIRST + GREEN + 40].open, "an alert was open"
    await site.read(f"/api/v1/moment?at={int(site.view.now) + 10}", 400)
    await site.read("/api/v1/moment", 400)


async def strips_show_the_outage(site: KeptSite) -> None:
    first = FIRST + 120
    strip = await site.get(f"/api/v1/strip?service=ingest&from={first}&to={first + 60}&step=1")
    assert (strip["total"], strip["columns"], strip["next"]) == (6, 60, None)
    assert [row["protocol"] for row in strip["rows"]] == ["tcp"] * 3 + ["udp"] * 3
    assert strip["runs"] == [[row, GREEN - 120, OUTAGE, 4] for row in (3, 4, 5)]
    only = await site.get(f"/api/v1/strip?service=ingest&only=bad&from={first}&limit=2")
    assert [row["protocol"] for row in only["rows"]] == ["udp"] * 2
    query = f"/api/v1/strip?service=ingest&only=bad&from={first}"
    rest = await site.get(f"{query}&limit=2&after={only['next']}")
    assert len(rest["rows"]) == 1
    assert rest["next"] is None
    refused = await site.get(f"/api/v1/strip?service=ingest&from={first}&after={only['next']}", 400)
    assert refused["type"].endswith("bad-cursor")
    assert (await site.get("/api/v1/strip?service=nothing"))["rows"] == []
    await site.read("/api/v1/strip", 400)


async def latency_is_told_by_step(site: KeptSite) -> None:
    answer = await site.get(f"/api/v1/latency?by=protocol,region&from={FIRST}&protocol=tcp")
    assert len(answer["groups"]) == 3
    assert answer["step"] == 60
    for group in answer["groups"]:
        assert set(group["steps"]) == {"connect", "tls", "send", "total"}
        for name, us in (("connect", 2_000), ("total", 7_100)):
            step = group["steps"][name]
            assert len(step["p50_us"]) == len(answer["slots"])
            told = [time for time in step["p50_us"] if time is not None]
            assert told
            assert all(abs(time - us) <= us / 5 for time in told)


async def agents_and_series_of_then(site: KeptSite) -> None:
    agents = await site.get(f"/api/v1/agents?at={FIRST + 100}")
    assert [item["agent"] for item in agents["agents"]] == sorted(
        birth.agent for birth in site.view.births
    )
    assert agents["by_status"]["alive"] == 3
    assert (await site.get(f"/api/v1/agents?at={FIRST - 100}"))["agents"] == []
    found: list[Any] = []
    path = "/api/v1/series?limit=4"
    page = await site.get(path)
    assert page["total"] == 6
    found += page["series"]
    page = await site.get(f"{path}&after={page['next']}")
    found += page["series"]
    assert page["next"] is None
    assert len({tuple(item.values()) for item in found}) == 6
    assert (await site.get("/api/v1/series?protocol=t*"))["total"] == 3


async def alerts_page_by_page(site: KeptSite) -> None:
    site.view.run(40, lost="tcp")
    site.view.run(90)
    site.view.run(40, lost="udp")
    site.view.run(90)
    await site.view.written()
    every = await site.get("/api/v1/alerts?limit=200")
    numbers = [item["number"] for item in every["recent"]]
    assert len(numbers) >= 3
    assert every["next"] is None
    found: list[int] = []
    page = await site.get("/api/v1/alerts?limit=1")
    found += [item["number"] for item in page["recent"]]
    while page["next"]:
        page = await site.get(f"/api/v1/alerts?limit=1&after={page['next']}")
        found += [item["number"] for item in page["recent"]]
    assert found == numbers
    loss = await site.get(f"/api/v1/alerts?service=ingest&class=loss&to={FIRST + 300}")
    assert [item["scope"] for item in loss["recent"]] == [{"protocol": "udp"}]
    assert (await site.get("/api/v1/alerts?service=in_est"))["recent"] == []
    await site.read("/api/v1/alerts?class=nothing", 400)
    await site.read("/api/v1/alerts?after=nonsense", 400)


async def exports_agree_with_fates(site: KeptSite) -> None:
    """Also over the edge between what is in memory and what is not."""
    site.view.run(3)  # memory is ahead of the store
    fates = await site.get(f"/api/v1/fates?by=protocol&from={FIRST}")
    query = f"by=protocol&from={FIRST}&to={fates['last'] + 1}&step=1"
    told, rows = await asyncio.gather(
        site.get(f"/api/v1/export/rates.json?{query}"),
        site.read(f"/api/v1/export/rates.csv?{query}"),
    )
    lines = list(csv.DictReader(io.StringIO(rows.decode())))
    assert len(lines) == len(told["rows"]) == 2 * (fates["last"] - FIRST - 1)
    assert lines[0]["time"] == "2026-09-21T14:13:22Z"
    for group in fates["groups"]:
        protocol, sums = group["labels"]["protocol"], group["sums"]
        mine = [row for row in told["rows"] if row["labels"]["protocol"] == protocol]
        assert sum(row["expected"] for row in mine) == sums["expected"]
        assert sum(row["fates"]["lost"] for row in mine) == sums["fates"]["lost"]
        cells = [line for line in lines if line["protocol"] == protocol]
        assert sum(int(line["lost"]) for line in cells) == sums["fates"]["lost"]
        assert sum(int(line["received"]) for line in cells) == sums["received"]
    every = await site.get("/api/v1/export/alerts.json")
    alerts = list(csv.DictReader(io.StringIO((await site.read("/api/v1/export/alerts.csv")).decode())))
    assert [str(item["number"]) for item in every["alerts"]] == [line["number"] for line in alerts]
    empty = await site.get(f"/api/v1/export/rates.json?from={FIRST - 500}&to={FIRST - 400}")
    assert empty["rows"] == []


async def test_what_the_store_lacks_comes_from_memory(sqlite_url: str) -> None:
    """A locked database delays history, and keeps no answer from being whole."""
    async with kept_site(sqlite_url) as site:
        site.view.run(700)  # more than memory has
        await site.view.written()
        with locked(sqlite_url):
            site.view.run(60, lost="udp")
            while not site.view.store.health().error:  # noqa: ASYNC110 - bounded by the test's time
                await asyncio.sleep(0.01)
            fates = await site.get(f"/api/v1/fates?by=protocol&from={FIRST}")
        assert fates["total"]["expected"] == 6 * (site.view.settled - FIRST - 1)
        lost = {
            group["labels"]["protocol"]: group["sums"]["fates"]["lost"] for group in fates["groups"]
        }
        assert lost == {"tcp": 0, "udp": 3 * (site.view.settled - FIRST - 699)}
