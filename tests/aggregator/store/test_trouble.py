"""A store that cannot be written delays history, nothing else: pages go out, callers never wait."""

from __future__ import annotations

import asyncio
import gc
import sqlite3
from collections.abc import AsyncIterator, Iterator, Sequence

import pytest
import sqlalchemy as sa

from coalmine_aggregator.model.agent_life import AgentLife
from coalmine_aggregator.model.views import AgentStatus
from coalmine_aggregator.store import pending
from coalmine_aggregator.store.pending import Delivery
from coalmine_aggregator.store.store import Store
from tests.aggregator.store.beside import execute, locked
from tests.aggregator.store.samples import (
    LOST,
    START,
    birth,
    closed,
    counted,
    opened,
    routed,
    settled,
    told,
)
from tests.aggregator.store.troubled import (
    EVERY,
    HELD_UP_S,
    NAMES,
    beating,
    failing,
    open_store,
    slots,
    written,
)
from tests.servers.postgres import Postgres
from tests.servers.waiting import until, within


@pytest.fixture
def url(database_url: str) -> str:
    return database_url


@pytest.fixture
async def store(url: str) -> AsyncIterator[Store]:
    store = await open_store(url)
    yield store
    await store.close()


async def test_a_locked_database_delays_history_and_no_page(url: str, store: Store) -> None:
    heard: asyncio.Queue[Sequence[Delivery]] = asyncio.Queue()
    store.on_deliveries = heard.put_nowait
    async with beating() as heart:
        with locked(url):
            store.put_slots(slots(1))
            store.put_birth(birth(), at=float(START))
            store.put_transitions([routed(opened(), "pd")])
            (delivery,) = await within(heard.get(), 3.0)
            assert store.health().ahead == 1
            store.put_delivery(delivery._replace(attempts=1, delivered_at=START + 5.0))
            await failing(store)
            assert "lock" in store.health().error
            assert "; waiting: 1 slots, 1 births" in store.health().detail
            assert not await store.flushed(0.1)
            store.put_slots(slots(200, START + 1))
        await written(store)
    assert heart.longest_s < HELD_UP_S
    assert heard.empty()
    restored = await store.load()
    assert (restored.last_slot, len(restored.births), len(restored.open_alerts)) == (START + 200, 1, 1)
    assert (await store.standing(0.0)).pending == ()
    assert store.health().detail == "history is kept"


async def test_a_full_disk_delays_history_and_no_page(sqlite_url: str) -> None:
    store = await open_store(sqlite_url)
    heard: asyncio.Queue[Sequence[Delivery]] = asyncio.Queue()
    store.on_deliveries = heard.put_nowait
    limit_pages(store, 1)
    async with beating() as heart:
        store.put_slots(slots(300))
        # Some of the pages of a small file are free; fill them, so that the alert has no room either.
        store.put_birth(birth("a" * 200_000), at=float(START))
        await failing(store)
        assert "full" in store.health().error
        store.put_transitions([routed(opened(service="s" * 50_000), "pd")])
        assert len(await within(heard.get(), 3.0)) == 1
        limit_pages(store, 1_000_000)
        await written(store)
    assert heart.longest_s < HELD_UP_S
    restored = await store.load()
    assert [told(each) for each in restored.recent] == [counted(each, NAMES) for each in slots(300)]
    assert heard.empty()
    await store.close()


def limit_pages(store: Store, pages: int) -> None:
    """SQLite's own limit: it answers SQLITE_FULL as it does where the disk has no room."""
    engine = store._engine

    def limit(connection: sqlite3.Connection, *_: object) -> None:
        connection.execute(f"PRAGMA max_page_count = {pages}")

    sa.event.listen(engine, "checkout", limit)


@pytest.fixture
def own_server() -> Iterator[Postgres]:
    server = Postgres()
    try:
        server.start()
        yield server
    finally:
        server.remove()


async def test_a_server_that_is_gone_delays_history_and_no_page(own_server: Postgres) -> None:
    url = own_server.create()
    store = await open_store(url)
    heard: asyncio.Queue[Sequence[Delivery]] = asyncio.Queue()
    store.on_deliveries = heard.put_nowait
    store.put_slots(slots(100))
    await written(store)
    async with beating() as heart:
        await asyncio.to_thread(own_server.stop)
        store.put_slots(slots(500, START + 100))
        store.put_transitions([routed(opened(), "pd")])
        assert len(await within(heard.get(), 3.0)) == 1
        await failing(store)
        assert store.health().waiting >= 500
        await asyncio.to_thread(own_server.start)
        store.put_slots(slots(30, START + 600))
        await written(store, 30.0)
    assert heart.longest_s < HELD_UP_S
    assert store.health().dropped == {}
    found = await store.slots(START, START + 1_000)
    assert [told(each) for each in found] == [
        counted(each, NAMES)
        for each in (*slots(100), *slots(500, START + 100), *slots(30, START + 600))
    ]
    await store.close()


async def test_past_its_bound_the_oldest_history_is_dropped_and_told(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (one,) = slots(1)
    monkeypatch.setattr(pending, "MAX_BYTES", 10 * (one.ids.nbytes + one.endings.nbytes + 200))
    store = await open_store(url)
    with locked(url):
        for each in slots(25):
            store.put_slots([each])
        health = store.health()
        assert (health.dropped, health.waiting) == ({"slots": 15}, 10)
        assert health.kinds["slots"] == 10
        assert "given up since the start: 15 slots" in health.detail
    await written(store)
    restored = await store.load()
    assert [counts.slot for counts in restored.recent] == list(range(START + 15, START + 25))
    await store.close()


async def test_what_can_never_be_written_does_not_hold_up_the_rest(store: Store) -> None:
    (right,) = slots(1)
    store.put_slots([right._replace(endings=right.endings[:0])])

    async def dropped() -> bool:
        return store.health().dropped == {"refused": 1}

    await until(dropped, deadline_s=5.0, what="the broken slot is dropped")
    store.put_slots(slots(1, START + 1))
    await written(store)
    assert (await store.load()).last_slot == START + 1


async def test_no_text_can_hold_up_anything(store: Store, url: str) -> None:
    """NUL, half a surrogate pair, markup and escapes from hosts and receivers."""
    nasty = "\0\ud800<b>\x1b[31m\u202e"
    kept = "\ufffd\ufffd<b>\x1b[31m\u202e"
    heard: asyncio.Queue[Sequence[Delivery]] = asyncio.Queue()
    store.on_deliveries = heard.put_nowait
    store.put_transitions([routed(opened(), "pd", "am")])
    one, other = await within(heard.get(), 3.0)
    store.put_delivery(one._replace(error=nasty))
    store.put_delivery(other._replace(dead=nasty))
    store.put_lives([AgentLife("a1", START + 0.5, AgentStatus.RETIRED, nasty * 1_000)])
    store.put_transitions([routed(closed())])
    await written(store)
    assert store.health().dropped == {}
    assert execute(url, "SELECT error, dead FROM outbox ORDER BY receiver DESC") == [
        (kept, None),
        (None, kept),
    ]
    ((note,),) = execute(url, "SELECT note FROM lives")
    assert (kept * 1_000).startswith(note)
    assert len(note) == 500


async def test_a_day_of_late_reports_all_arrives(store: Store) -> None:
    """An hour of slots, and every one of them revised by each of three agents' spools."""
    for turn in range(3):
        for start in range(0, 3600, 600):
            store.put_slots([settled(START + start + i, EVERY, {turn: LOST}) for i in range(600)])
            await asyncio.sleep(0)
    await written(store, 30.0)
    assert store.health().dropped == {}
    found = await store.slots(START, START + 3599)
    assert [each.slot for each in found] == list(range(START, START + 3600))
    right = counted(settled(START, EVERY, {2: LOST}), NAMES)
    assert all(told(each) == right for each in found)


async def test_closing_writes_what_waits(url: str) -> None:
    store = await open_store(url)
    store.put_slots(slots(1))
    await store.close()
    again = await Store.open(url)
    assert (await again.load()).last_slot == START
    await again.close()


async def test_a_close_waits_for_what_is_being_read(database_url: str) -> None:
    """A connection that came back after it would stay open until somebody sweeps it up."""
    store = await Store.open(database_url)
    with locked(database_url):
        reading = asyncio.create_task(store.load())
        await asyncio.sleep(0.1)
        reading.cancel()  # whoever asked is gone; the database is not done with it
        await asyncio.wait([reading])
        await store.close()
    gc.collect()  # which tells of it
