"""What is put into a store is there after a restart."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import msgspec
import pytest

from coalmine_aggregator.model.alerts import AlertClass
from coalmine_aggregator.model.endings import ENDINGS, ending_of
from coalmine_aggregator.model.fates import Fate
from coalmine_aggregator.model.restored import Restored
from coalmine_aggregator.store import read
from coalmine_aggregator.store.pending import Delivery
from coalmine_aggregator.store.read import RECENT_MINUTES
from coalmine_aggregator.store.store import Store
from coalmine_wire.reports import MAX_REVISION, Life, decode_birth, encode
from tests.aggregator.store.samples import (
    LOST,
    START,
    birth,
    changed,
    closed,
    counted,
    expecting,
    names,
    opened,
    routed,
    settled,
    state,
    told,
)

NAMES = [*names(), *names("logs")]


@pytest.fixture
def url(database_url: str) -> str:
    return database_url


@pytest.fixture
async def store(url: str) -> AsyncIterator[Store]:
    store = await Store.open(url)
    store.on_deliveries = lambda deliveries: None
    store.follow(NAMES)
    yield store
    await store.close()


async def reopened(store: Store, url: str) -> Restored:
    await store.close()
    again = await Store.open(url)
    try:
        return await again.load()
    finally:
        await again.close()


async def test_an_empty_store_restores_nothing(store: Store) -> None:
    assert await store.load() == Restored()


async def test_slots_come_back_as_they_were(store: Store, url: str) -> None:
    every = expecting(range(len(NAMES)))
    some = expecting(range(0, len(NAMES), 2))
    put = [
        settled(START + i, every if i % 7 else some, {2 * (i % 5): LOST, 60: i % ENDINGS})
        for i in range(150)
    ]
    store.put_slots(put)
    restored = await reopened(store, url)
    assert restored.last_slot == START + 149
    assert [told(counts) for counts in restored.recent] == [counted(slot, NAMES) for slot in put]


async def test_revisions_replace_and_other_seconds_stay(store: Store, url: str) -> None:
    every = expecting(range(len(NAMES)))
    put = [settled(START + i, every, {3: LOST}) for i in range(30)]
    store.put_slots(put)
    await store.close()
    store = await Store.open(url)
    store.follow(NAMES)
    put[10] = settled(START + 10, every, {4: ending_of(Fate.LATE, 1)})
    store.put_slots([put[10]])
    restored = await reopened(store, url)
    assert [told(counts) for counts in restored.recent] == [counted(slot, NAMES) for slot in put]


async def test_no_birth_that_is_heard_keeps_counts_from_being_kept(store: Store, url: str) -> None:
    largest = msgspec.structs.replace(birth(), revision=MAX_REVISION)
    store.put_birth(decode_birth(encode(largest)), at=float(START))
    store.put_slots([settled(START, expecting(range(len(NAMES))))])
    restored = await reopened(store, url)
    assert [each.revision for each in restored.births] == [MAX_REVISION]
    assert restored.last_slot == START
    assert store.health().dropped == {}


async def test_only_the_last_minutes_are_restored_but_all_is_kept(store: Store, url: str) -> None:
    every = expecting(range(len(NAMES)))
    store.put_slots([settled(START + i * 60, every) for i in range(30)])
    restored = await reopened(store, url)
    assert len(restored.recent) == RECENT_MINUTES
    again = await Store.open(url)
    assert len(await again.slots(START, START + 30 * 60)) == 30
    await again.close()


async def test_slots_are_read_by_range(store: Store, url: str) -> None:
    every = expecting(range(len(NAMES)))
    store.put_slots([settled(START + i, every) for i in range(200)])
    await store.close()
    again = await Store.open(url)
    found = await again.slots(START + 50, START + 70)
    pieces = [
        counts.slot async for piece in again.read_slots(START + 50, START + 170) for counts in piece
    ]
    await again.close()
    assert [counts.slot for counts in found] == list(range(START + 50, START + 71))
    assert pieces == list(range(START + 50, START + 171))


async def test_births_and_states_come_back_in_order(store: Store, url: str) -> None:
    store.put_birth(birth("old", "b0"), at=START - 90_000.0)
    store.put_birth(birth("a1", "b0"), at=START - 90_000.0)
    store.put_birth(birth("a1", "b1"), at=START - 100.0)
    store.put_birth(birth("a1", "b1", revision=2), at=float(START))
    store.put_state(state("a1", "b1"), at=START - 100.0)
    store.put_state(state("a1", "b1", Life.GOODBYE), at=float(START))
    restored = await reopened(store, url)
    # An older boot of a1 is more than a day old; old itself is only known from then.
    assert [(b.agent, b.boot, b.revision) for b in restored.births] == [
        ("old", "b0", 1),
        ("a1", "b1", 1),
        ("a1", "b1", 2),
    ]
    assert [s.life for s in restored.states] == [Life.GOODBYE]


async def test_exceptions_come_back_until_they_are_frozen(store: Store, url: str) -> None:
    store.put_slots([settled(START, expecting(range(9)))])
    store.put_exceptions(START - 86_401, b"frozen")
    store.put_exceptions(START - 1, b"kept")
    store.put_exceptions(START - 2, b"forgotten")
    await store.close()
    store = await Store.open(url)
    store.put_exceptions(START, b"\x00newest")
    store.put_exceptions(START - 2, b"")
    restored = await reopened(store, url)
    assert restored.exceptions == ((START - 1, b"kept"), (START, b"\x00newest"))


async def test_open_alerts_keep_their_number_and_closed_ones_are_history(
    store: Store, url: str
) -> None:
    store.put_transitions([routed(opened(7)), routed(opened(8, "logs"))])
    store.put_transitions([routed(changed(7)), routed(closed(8, "logs"))])
    assert await store.flushed(5.0)
    assert [a.number for a in await store.recent_alerts(1)] == [8]
    assert (await store.recent_alerts(10))[0] == closed(8, "logs").alert
    restored = await reopened(store, url)
    assert restored.open_alerts == (changed(7).alert,)
    assert restored.next_number == 9


async def test_losses_that_closed_in_the_last_day_come_back(
    store: Store, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As far back from the newest slot as that may be revised, and the newest of them."""
    monkeypatch.setattr(read, "MOST_CLOSED", 3)
    store.put_slots([settled(START, expecting(range(9)))])
    ends = {1: 86_401, 2: 86_400, 3: 60, 4: 30, 5: 20, 6: 10}
    for number, age_s in ends.items():
        store.put_transitions([routed(closed(number, "loss", at=START - age_s))])
    burnt = closed(7, "loss", at=START - 1.0)  # a service may have the name of a class
    burnt = burnt._replace(alert=burnt.alert._replace(alert_class=AlertClass.BURN))
    store.put_transitions([routed(burnt), routed(opened(8))])
    restored = await reopened(store, url)
    assert [each.number for each in restored.closed_alerts] == [4, 5, 6]
    monkeypatch.setattr(read, "MOST_CLOSED", 100)
    restored = await reopened(await Store.open(url), url)
    assert [each.number for each in restored.closed_alerts] == [2, 3, 4, 5, 6]
    assert restored.closed_alerts[0] == closed(2, "loss", at=START - 86_400).alert


async def test_deliveries_are_handed_over_once_committed(store: Store, url: str) -> None:
    heard: asyncio.Queue[Sequence[Delivery]] = asyncio.Queue()
    store.on_deliveries = heard.put_nowait
    store.put_transitions([routed(opened(), "pd", "am")])
    assert heard.empty()
    deliveries = await heard.get()
    assert [(d.transition_id, d.receiver) for d in deliveries] == [(1, "pd"), (1, "am")]
    # Committed by now: another reader of the file sees it.
    other = await Store.open(url)
    pending, standing, *_ = await other.standing(0.0)
    assert [(d.transition_id, d.receiver, d.transition) for d in pending] == [
        (1, "pd", opened()),
        (1, "am", opened()),
    ]
    assert standing == (opened(),)
    await other.close()


async def test_what_is_settled_is_no_longer_pending(store: Store, url: str) -> None:
    heard: asyncio.Queue[Sequence[Delivery]] = asyncio.Queue()
    store.on_deliveries = heard.put_nowait
    store.put_transitions([routed(opened(), "pd", "am", "hook")])
    pd, am, hook = await heard.get()
    store.put_delivery(pd._replace(attempts=1, delivered_at=START + 5.0))
    store.put_delivery(am._replace(attempts=1, dead="400 no"))
    store.put_delivery(hook._replace(attempts=3, next_at=START + 9.0, error="503"))
    assert await store.flushed(5.0)
    await store.close()
    again = await Store.open(url)
    pending, *_ = await again.standing(0.0)
    assert [(d.receiver, d.attempts, d.next_at, d.error) for d in pending] == [
        ("hook", 3, START + 9.0, "503")
    ]
    # Ids go on where they ended.
    again.on_deliveries = heard.put_nowait
    again.put_transitions([routed(closed(), "pd")])
    assert (await heard.get())[0].transition_id == 2
    await again.close()


async def test_alerts_closed_a_short_while_ago_still_stand(store: Store) -> None:
    store.put_transitions([routed(opened(1)), routed(closed(1, at=100.0))])
    store.put_transitions([routed(opened(2, "logs")), routed(closed(2, "logs", at=500.0))])
    assert await store.flushed(5.0)
    _, standing, *_ = await store.standing(400.0)
    assert standing == (closed(2, "logs", at=500.0),)
