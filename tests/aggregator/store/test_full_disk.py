"""A disk without room delays history and no page; what waited is written once there is room again."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterator, Sequence

import msgspec
import psycopg
import pytest

from coalmine_aggregator.store.pending import Delivery
from coalmine_aggregator.store.store import Store
from tests.aggregator.store.samples import START, birth, counted, opened, routed, told
from tests.aggregator.store.troubled import (
    HELD_UP_S,
    NAMES,
    beating,
    failing,
    open_store,
    slots,
    written,
)
from tests.servers.disk import Disk
from tests.servers.postgres import Postgres
from tests.servers.waiting import within

MIB = {"sqlite": 2, "postgresql": 64}


@pytest.fixture
def server(disk: Disk) -> Iterator[Postgres]:
    """All of it is on the disk: tables, log, everything."""
    server = Postgres(disk.path)
    try:
        server.start()
        yield server
    finally:
        server.remove()


async def delayed(store: Store) -> None:
    """More history than there is room for, and a page, which goes out."""
    heard: asyncio.Queue[Sequence[Delivery]] = asyncio.Queue()
    store.on_deliveries = heard.put_nowait
    store.put_slots(slots(300, START + 300))
    # Some of what the files take up is free; this fills it.
    store.put_birth(
        msgspec.structs.replace(birth(), version=secrets.token_hex(500_000)), at=float(START)
    )
    await failing(store)
    store.put_transitions([routed(opened(service="s" * 50_000), "pd")])
    assert len(await within(heard.get(), 3.0)) == 1
    assert store.health().waiting >= 300
    assert heard.empty()


async def whole(store: Store) -> None:
    """All of it arrives, and the page is as it was told."""
    assert store.health().dropped == {}
    found = await store.slots(START, START + 1_000)
    assert [told(each) for each in found] == [counted(each, NAMES) for each in slots(600)]
    (alert,) = (await store.load()).open_alerts
    assert alert.service == "s" * 50_000


async def delays_nothing_else(url: str, disk: Disk, refusal: str) -> None:
    """A disk that is full for a while, of which the store says `refusal`."""
    store = await open_store(url)
    store.put_slots(slots(300))
    await written(store)
    async with beating() as heart:
        await asyncio.to_thread(disk.fill)
        await delayed(store)
        assert refusal in store.health().error
        disk.free()
        await written(store, 30.0)
    assert heart.longest_s < HELD_UP_S
    await whole(store)
    await store.close()


@pytest.mark.parametrize("disk", [MIB["sqlite"]], indirect=True)
async def test_sqlite(disk: Disk) -> None:
    await delays_nothing_else(f"sqlite:///{disk.path}/h.db", disk, "full")


@pytest.mark.parametrize("disk", [MIB["postgresql"]], indirect=True)
async def test_tables_of_postgresql(disk: Disk, server: Postgres) -> None:
    """The server refuses, and goes on."""
    await delays_nothing_else(server.create(), disk, "No space left on device")


@pytest.mark.parametrize("disk", [MIB["postgresql"]], indirect=True)
async def test_the_log_of_postgresql(disk: Disk, server: Postgres) -> None:
    """The server cannot go on, and ends; somebody starts it again when there is room."""
    store = await open_store(server.create())
    store.put_slots(slots(300))
    await written(store)
    async with beating() as heart:
        await asyncio.to_thread(disk.fill)
        await asyncio.to_thread(write_log_until_it_ends, server)
        await delayed(store)
        disk.free()
        await asyncio.to_thread(server.start)
        await written(store, 30.0)
    assert heart.longest_s < HELD_UP_S
    await whole(store)
    await store.close()


def write_log_until_it_ends(server: Postgres) -> None:
    write = "SELECT pg_logical_emit_message(false, 'fill', repeat('x', 500000))"
    with pytest.raises(psycopg.OperationalError):
        server.execute(f"DO $$ BEGIN LOOP PERFORM ({write}); END LOOP; END $$")
