"""What customers see of a real outage, and that they see it whatever becomes of the aggregator."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from coalmine_aggregator.status.compose import STALE_S
from coalmine_runtime import clock
from tests.conftest import Authority, Certificate
from tests.e2e.api import Json
from tests.e2e.fleet import SERVICE, Fleet
from tests.e2e.site import RELAYED, Site
from tests.e2e.status_page import StatusPage
from tests.servers.mosquitto import Mosquitto

WORSE_S, BETTER_S, RESOLVE_S = 3, 8, 10

STATE: Json = {"state": {"window": "10s", "worse_after": f"{WORSE_S}s", "better_after": f"{BETTER_S}s"}}

COMPONENTS: list[Json] = [
    {"id": "lines", "name": "Lines", "service": SERVICE, "protocols": list(RELAYED)},
    {"id": "batches", "name": "Batches", "service": SERVICE, "protocols": ["pickle*"]},
    {"id": "https", "name": "HTTPS", "service": SERVICE, "protocols": ["https"]},
    {
        "id": "held",
        "name": "Held lines",
        "service": SERVICE,
        "protocols": list(RELAYED),
        "publish": "held",
    },
]

pytestmark = pytest.mark.timeout(300)


@asynccontextmanager
async def running(
    folder: Path, authority: Authority, certificate: Certificate
) -> AsyncIterator[tuple[Site, Fleet, StatusPage]]:
    """Agents, a Mosquitto, an aggregator and the status page, all datapoints delivered and shown."""
    broker = Mosquitto(folder / "broker")
    await broker.start()
    try:
        section = {"url": f"mqtt://127.0.0.1:{broker.port}"}
        site = Site(folder, authority, certificate, broker=section)
        site.aggregator.settings["incidents"] = {"resolve_after": f"{RESOLVE_S}s"}
        site.aggregator.write()
        async with site:
            await site.api.until_ready()
            fleet = Fleet(folder / "agents", broker=section, endpoints=site.endpoints)
            store = site.aggregator.settings["store"]
            try:
                await fleet.start()
                await site.api.until_whole(fleet.expected)
                async with StatusPage(folder / "page", store, COMPONENTS, STATE) as page:
                    await page.until_statuses(30)
                    yield site, fleet, page
            finally:
                await fleet.kill()
    finally:
        await broker.kill()


@pytest.mark.prove
@pytest.mark.timeout(300)
async def test_an_outage_is_shown_kept_and_ended(
    tmp_path: Path, authority: Authority, loopback: Certificate
) -> None:
    async with running(tmp_path, authority, loopback) as (site, fleet, page):
        assert "All Systems Operational" in await page.front()
        await site.relay.kill()
        killed = clock.wall()
        await page.until_statuses(30, Lines="major_outage")
        shown = clock.wall()
        assert shown - killed >= WORSE_S, "it has to last"

        (incident,) = await page.until(lambda: unresolved(page), 20, "the incident is shown")
        assert incident["status"] == "investigating"
        assert [each["name"] for each in incident["components"]] == ["Lines"], "held ones are not"
        assert incident["name"] in await page.front()

        # Without an aggregator the last state stands, and the page says since when.
        await site.aggregator.kill()
        measured = await settled(page)
        await asyncio.sleep(3)
        assert await page.measured() == measured
        assert (await page.statuses())["Lines"] == "major_outage"
        assert (await unresolved(page)) == [incident]
        text = await page.until(lambda: behind(page), STALE_S + 20, "it says since when")
        assert measured in text
        assert (await page.statuses())["Lines"] == "major_outage"

        await site.relay.start()
        await site.aggregator.start()
        await site.api.until_ready()
        await site.api.until_whole(fleet.expected)
        whole = clock.wall()

        async def goes_on() -> bool:
            return await page.measured() > measured

        await page.until(goes_on, 20, "it goes on")
        await page.until_statuses(60)
        assert clock.wall() - whole >= BETTER_S - 5, "better has to last as well"

        async def resolved() -> Any:
            found = (await page.json("incidents"))["incidents"]
            return found if found[0]["status"] == "resolved" else None

        (over,) = await page.until(resolved, 60, "the incident is over")
        assert (over["id"], over["name"]) == (incident["id"], incident["name"])
        assert over["started_at"] == incident["started_at"]
        history = (await page.get("/history/")).body.decode()
        assert over["name"] in history


async def unresolved(page: StatusPage) -> list[Json]:
    found: list[Json] = (await page.json("incidents/unresolved"))["incidents"]
    return found


async def settled(page: StatusPage) -> str:
    """The second at which the page stands still."""
    before = ""

    async def stands() -> bool:
        nonlocal before
        last, before = before, await page.measured()
        await asyncio.sleep(2)
        return before == last != ""

    await page.until(stands, 20, "the page stands still")
    return before


async def behind(page: StatusPage) -> str:
    """The page, once it says that it does not know how things are now."""
    text = await page.front()
    return text if "Measurements are behind." in text else ""


@pytest.mark.prove
async def test_a_stop_of_the_aggregator_is_no_end_of_the_page(
    site: Site, fleet: Fleet, tmp_path: Path
) -> None:
    """Cleanly stopped, the aggregator leaves a store without a log; killed, one with it."""
    store = site.aggregator.settings["store"]
    async with StatusPage(tmp_path / "page", store, COMPONENTS, STATE) as page:
        for end in (site.aggregator.stop, site.aggregator.kill):
            await page.until_statuses(30)
            assert files(tmp_path) == ["history.db", "history.db-shm", "history.db-wal"]
            await end()
            left = files(tmp_path)
            before = await settled(page)
            # A page that starts now has the same to say.
            async with StatusPage(tmp_path / "other", store, COMPONENTS, STATE) as other:
                await other.until_statuses(30)
                assert await other.measured() == before
            assert files(tmp_path) == left
            await site.aggregator.start()
            await site.api.until_whole(fleet.expected)

            async def goes_on(before: str = before) -> bool:
                return await page.measured() > before

            await page.until(goes_on, 20, "it goes on")


def files(folder: Path) -> list[str]:
    """Those of the store."""
    return sorted(path.name for path in (folder / "aggregator").glob("history.db*"))
