"""A store that cannot be written delays history, nothing else: pages go out, callers never wait."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
import sqlalchemy as sa

from coalmine_aggregator.store import pending
from coalmine_aggregator.store.pending import Delivery
from coalmine_aggregator.store.store import Recipients, Store
from coalmine_runtime import clock
from tests.aggregator.store.samples import START, birth, leaves, opened, second
from tests.servers.waiting import until


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "h.db"


@pytest.fixture
async def store(path: Path) -> AsyncIterator[Store]:
    store = await Store.open(f"sqlite:///{path}")
    yield store
    await store.close()


async def written(store: Store) -> None:
    """Waits until nothing is left to write."""

    async def nothing_waits() -> bool:
        health = store.health()
        return health.waiting == 0 and not health.error

    await until(
        nothing_waits, deadline_s=15.0, what="all is written", explain=lambda: str(store.health())
    )


async def failing(store: Store) -> None:
    async def fails() -> bool:
        return bool(store.health().error)

    await until(fails, deadline_s=15.0, what="a commit failed")


async def test_a_locked_file_delays_history_and_no_page(path: Path, store: Store) -> None:
    heard: asyncio.Queue[Sequence[Delivery]] = asyncio.Queue()
    store.on_deliveries = heard.put_nowait
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    began = clock.monotonic()
    store.put_slots([second(START, leaves())])
    store.put_birth(birth(), at=float(START))
    store.put_transitions([Recipients(opened(), ("pd",))])
    assert clock.monotonic() - began < 0.1
    (delivery,) = await asyncio.wait_for(heard.get(), 3.0)
    assert store.health().ahead == 1
    store.put_delivery(delivery._replace(attempts=1, delivered_at=START + 5.0))
    await failing(store)
    assert "locked" in store.health().error
    assert not await store.flushed(0.1)
    other.execute("ROLLBACK")
    other.close()
    await written(store)
    assert heard.empty()
    restored = await store.load()
    assert (restored.last_slot, len(restored.births), len(restored.open_alerts)) == (START, 1, 1)
    assert (await store.standing(0.0)).pending == ()


async def test_a_full_disk_delays_history_and_no_page(path: Path, store: Store) -> None:
    heard: asyncio.Queue[Sequence[Delivery]] = asyncio.Queue()
    store.on_deliveries = heard.put_nowait
    limit_pages(store, 1)
    store.put_slots([second(START + i, leaves()) for i in range(300)])
    # Some of the pages of a small file are free; fill them, so that the alert has no room either.
    store.put_birth(birth("a" * 200_000), at=float(START))
    await failing(store)
    assert "full" in store.health().error
    store.put_transitions([Recipients(opened(service="s" * 50_000), ("pd",))])
    assert len(await asyncio.wait_for(heard.get(), 3.0)) == 1
    limit_pages(store, 1_000_000)
    await written(store)
    assert len((await store.load()).recent) == 300
    assert heard.empty()


def limit_pages(store: Store, pages: int) -> None:
    """SQLite's own limit: it answers SQLITE_FULL as it does where the disk has no room."""
    engine = store._engine

    def limit(connection: sqlite3.Connection, *_: object) -> None:
        connection.execute(f"PRAGMA max_page_count = {pages}")

    sa.event.listen(engine, "checkout", limit)


async def test_past_its_bound_the_oldest_history_is_dropped_and_told(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = second(START, leaves())
    monkeypatch.setattr(pending, "MAX_BYTES", 10 * (one.received.nbytes + one.fates.nbytes + 200))
    store = await Store.open(f"sqlite:///{path}")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    for i in range(25):
        store.put_slots([second(START + i, leaves())])
    assert store.health().dropped == {"slots": 15}
    assert store.health().waiting == 10
    other.execute("ROLLBACK")
    other.close()
    await written(store)
    restored = await store.load()
    assert [counts.slot for counts in restored.recent] == list(range(START + 15, START + 25))
    await store.close()


async def test_what_can_never_be_written_does_not_hold_up_the_rest(store: Store) -> None:
    broken = second(START, leaves())._replace(received=second(START, leaves()[:1]).received)
    store.put_slots([broken])

    async def dropped() -> bool:
        return store.health().dropped == {"refused": 1}

    await until(dropped, deadline_s=5.0, what="the broken slot is dropped")
    store.put_slots([second(START + 1, leaves())])
    await written(store)
    assert (await store.load()).last_slot == START + 1


async def test_a_day_of_late_reports_all_arrives(store: Store) -> None:
    """An hour of slots, and every one of them revised by each of three agents' spools."""
    for turn in range(3):
        for start in range(0, 3600, 600):
            store.put_slots([second(START + start + i, leaves(), 2 + turn) for i in range(600)])
            await asyncio.sleep(0)
    await written(store)
    assert store.health().dropped == {}
    found = await store.slots(START, START + 3599)
    assert len(found) == 3600
    assert {int(counts.received.sum()) for counts in found} == {4 * len(leaves())}


async def test_closing_writes_what_waits(path: Path) -> None:
    store = await Store.open(f"sqlite:///{path}")
    store.put_slots([second(START, leaves())])
    await store.close()
    again = await Store.open(f"sqlite:///{path}")
    assert (await again.load()).last_slot == START
    await again.close()
