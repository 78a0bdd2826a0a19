"""The live feed: a snapshot each second, the same bytes for all, bounded, slow viewers cut off."""

from __future__ import annotations

import asyncio
import socket

import aiohttp
import msgspec
import pytest

from coalmine_aggregator.web.feed import BACKLOG
from coalmine_aggregator.web.keys import PULSE
from coalmine_aggregator.web.options import WebOptions
from coalmine_aggregator.web.snapshot import MAX_AGENTS, Snapshot, take_snapshot
from tests.aggregator.web.conftest import OpenSite, Site
from tests.aggregator.web.fake_view import REGIONS, FakeView, Trouble, fleet, make_alert


class Stream:
    """One viewer, event by event."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.response = response

    async def raw(self) -> bytes:
        while True:
            event = await self.response.content.readuntil(b"\n\n")
            if not event.startswith(b"retry:"):
                return event

    async def snapshot(self) -> Snapshot:
        event = await self.raw()
        fields = dict(line.split(b": ", 1) for line in event.strip().split(b"\n"))
        assert fields[b"event"] == b"snapshot"
        return msgspec.json.decode(fields[b"data"], type=Snapshot)


async def watch(site: Site) -> Stream:
    response = await site.client.get("/api/v1/live")
    site.streams.append(response)
    assert response.status == 200
    assert response.content_type == "text/event-stream"
    assert response.headers["Cache-Control"] == "no-store"
    return Stream(response)


async def test_a_viewer_gets_a_snapshot_at_once_and_one_each_second(site: Site) -> None:
    stream = await watch(site)
    first = await stream.snapshot()
    assert first.settled == site.view.settled
    for _ in range(3):
        site.beat()
        following = await stream.snapshot()
        assert following.now == site.view.now
        assert following.settled == site.view.settled
    assert following.settled == (first.settled or 0) + 3


async def test_an_outage_is_on_the_page_with_the_next_beat(site: Site) -> None:
    stream = await watch(site)
    assert {cell.status for cell in (await stream.snapshot()).cells} == {"ok"}
    site.view.troubles = [Trouble(where={"protocol": "udp"}, first=site.view.settled + 1)]
    site.view.alerts = [make_alert(1)]
    site.beat(2)
    await stream.snapshot()
    seen = await stream.snapshot()
    assert {cell.protocol for cell in seen.cells if cell.status == "down"} == {"udp"}
    assert [alert.number for alert in seen.open] == [1]


async def test_all_viewers_get_the_same_bytes_encoded_once(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    streams = [await watch(site) for _ in range(5)]
    for stream in streams:
        await stream.raw()
    asked = 0
    rates = site.view.rates

    def counted(*arguments: object) -> object:
        nonlocal asked
        asked += 1
        return rates(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(site.view, "rates", counted)
    site.beat()
    after_one_beat = asked
    events = {await stream.raw() for stream in streams}
    assert len(events) == 1
    assert asked == after_one_beat


async def test_nothing_is_taken_while_nobody_looks(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def never() -> list[object]:
        raise AssertionError("a snapshot was taken")

    monkeypatch.setattr(site.view, "open_alerts", never)
    site.beat(3)


async def test_viewers_are_bounded(open_site: OpenSite) -> None:
    site = await open_site(max_viewers=2)
    streams = [await watch(site), await watch(site)]
    async with site.client.get("/api/v1/live") as refused:
        assert refused.status == 503
        assert refused.content_type == "application/problem+json"
        assert refused.headers["Retry-After"] == "10"
    for stream in streams:
        site.beat()
        await stream.snapshot()


async def test_who_leaves_makes_room(open_site: OpenSite) -> None:
    site = await open_site(max_viewers=1)
    feed = site.server.app[PULSE].feed
    stream = await watch(site)
    stream.response.close()
    async with asyncio.timeout(10):
        while feed.viewers:
            site.beat()
            async with site.client.get("/healthz") as response:
                assert response.status == 200
    await (await watch(site)).snapshot()


async def test_a_viewer_that_does_not_read_is_cut_off_and_holds_up_nobody(site: Site) -> None:
    feed = site.server.app[PULSE].feed
    quick = await watch(site)
    await quick.raw()
    loop = asyncio.get_running_loop()
    with socket.socket() as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.setblocking(False)
        await loop.sock_connect(slow, ("127.0.0.1", site.server.port))
        await loop.sock_sendall(slow, b"GET /api/v1/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
        async with asyncio.timeout(30):
            while feed.cut_off == 0:
                site.beat()
                await quick.raw()  # reads each one as it comes
    assert feed.cut_off == 1
    assert len(feed.viewers) == 1
    site.beat()
    await quick.raw()


async def test_the_end_of_the_server_ends_every_stream(site: Site) -> None:
    stream = await watch(site)
    await stream.raw()
    for _ in range(BACKLOG):
        site.beat()
    site.server.app[PULSE].feed.close()
    async with asyncio.timeout(5):
        await stream.response.content.read()
    async with site.client.get("/api/v1/live") as late:
        assert late.status == 503


def test_a_snapshot_is_bounded_and_says_what_it_left_out(view: FakeView) -> None:
    regions = [f"r-{number:03}" for number in range(80)]
    view.series = fleet(regions=regions)
    view.alerts = [make_alert(number) for number in range(60)]
    view.override("internal-r-079-1", impaired=("null_sink",))
    snapshot = take_snapshot(view, WebOptions(max_groups=100), now=view.now, viewers=0)
    assert (len(snapshot.cells), snapshot.cells_total) == (100, 80 * 18)
    assert (len(snapshot.open), snapshot.open_total) == (50, 60)
    assert (len(snapshot.agents), snapshot.agents_total) == (MAX_AGENTS, 240)
    assert snapshot.agents[0].agent == "internal-r-079-1", "the unwell ones come first"


def test_services_in_trouble_have_their_cells_in_a_snapshot_and_whole(view: FakeView) -> None:
    view.series = [series for name in "abcd" for series in fleet(name)]
    options = WebOptions(max_groups=150)

    def listed() -> list[str]:
        snapshot = take_snapshot(view, options, now=view.now, viewers=0)
        assert snapshot.cells_total == 4 * 72
        assert all(sum(cell.service == name for cell in snapshot.cells) in (0, 72) for name in "abcd")
        return sorted({cell.service for cell in snapshot.cells})

    assert listed() == ["a", "b"]
    view.alerts = [make_alert(1, service="d")]
    assert listed() == ["a", "d"]
    view.troubles = [Trouble(where={"service": "c", "protocol": "udp"}, first=view.settled)]
    assert listed() == ["c", "d"]


def test_of_a_service_that_is_too_large_the_cells_in_trouble_are_in_a_snapshot(view: FakeView) -> None:
    view.troubles = [Trouble(where={"region": "us-west-2"}, first=view.settled)]
    snapshot = take_snapshot(view, WebOptions(max_groups=20), now=view.now, viewers=0)
    assert [cell.region for cell in snapshot.cells].count("us-west-2") == 18
    assert len(snapshot.cells) == 20


def test_before_the_first_settled_slot(view: FakeView) -> None:
    view.series = []
    snapshot = take_snapshot(view, WebOptions(), now=view.now, viewers=0)
    assert snapshot.cells == []
    assert snapshot.fates == []


def test_a_snapshot_of_the_usual_fleet_is_small(view: FakeView) -> None:
    snapshot = take_snapshot(view, WebOptions(), now=view.now, viewers=1)
    assert len(snapshot.cells) == len(REGIONS) * 18
    assert len(msgspec.json.encode(snapshot)) < 40_000
