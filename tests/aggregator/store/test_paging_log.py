"""What paging remembers over a restart, on both databases."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from coalmine_aggregator.model.alerts import AlertClass, Change, Severity, Transition
from coalmine_aggregator.paging.match import Match
from coalmine_aggregator.paging.order import Made, Order, Recipients
from coalmine_aggregator.paging.silence import Silence, SilenceKind
from coalmine_aggregator.store import schema
from coalmine_aggregator.store import store as module
from coalmine_aggregator.store.pending import Delivery
from coalmine_aggregator.store.store import Store
from tests.aggregator.store.samples import START, closed, opened, routed
from tests.aggregator.store.test_upgrade import open_at

CALLED = START + 604.2


def silence(id_: str, starts_at: float = START, ends_at: float = START + 3600.0) -> Silence:
    match = Match(
        ("ingest", "web-*"), (AlertClass.LOSS,), (Severity.PAGE,), ("external",), (("region", "us-*"),)
    )
    return Silence(
        id_,
        SilenceKind.MAINTENANCE,
        match,
        "Åsa",
        "new racks\n<b>",
        starts_at,
        ends_at,
        START - 60.0,
        public="Umbau, 2 h\n<i>",
    )


def ticket(number: int) -> Transition:
    begun = opened(number)
    return begun._replace(alert=begun.alert._replace(severity=Severity.TICKET))


async def reopened(store: Store, url: str) -> Store:
    await store.close()
    return await Store.open(url)


async def test_a_call_is_told_under_the_transition_that_opened_its_alert(database_url: str) -> None:
    heard: asyncio.Queue[Sequence[Delivery]] = asyncio.Queue()
    store = await Store.open(database_url)
    store.put_transitions([routed(opened(1)), routed(opened(2, "logs"), "pd")])
    assert await store.flushed(10.0)
    # Whom a hold kept from it and who is called: both hear that it opened, whatever came after.
    store = await reopened(store, database_url)
    store.on_deliveries = heard.put_nowait
    later = opened(2, "logs")._replace(at=START + 400.0)
    calls = [Order(later, "sms", "anna", 1, repeat) for repeat in (0, 1)]
    store.put_orders([Order(opened(1), "pd"), *calls], CALLED)
    deliveries = await heard.get()
    assert [each.transition.at for each in deliveries] == [START + 4.2] * 3
    assert [each.key for each in deliveries] == [
        (1, "pd", "", 0, 0),
        (2, "sms", "anna", 1, 0),
        (2, "sms", "anna", 1, 1),
    ]
    store = await reopened(store, database_url)
    pending, _, told, _ = await store.standing(0.0)
    assert [(each.key, each.made_at) for each in pending] == [
        ((1, "pd", "", 0, 0), CALLED),
        ((2, "pd", "", 0, 0), START + 4.2),
        ((2, "sms", "anna", 1, 0), CALLED),
        ((2, "sms", "anna", 1, 1), CALLED),
    ]
    assert told == {(1, "pd"), (2, "pd"), (2, "sms")}
    page = Severity.PAGE
    assert (await store.paging(START)).made == (
        Made(2, page, "pd", "", 0, 0, START + 4.2),
        Made(1, page, "pd", "", 0, 0, CALLED),
        Made(2, page, "sms", "anna", 1, 0, CALLED),
        Made(2, page, "sms", "anna", 1, 1, CALLED),
    )
    # What was told of an alert that is over is of no use.
    store.put_transitions([routed(closed(2, "logs"))])
    assert await store.flushed(10.0)
    assert [each.number for each in (await store.paging(START)).made] == [1]
    await store.close()


async def test_a_ticket_that_becomes_a_page_is_told_anew_to_all(database_url: str) -> None:
    store = await Store.open(database_url)
    store.put_transitions([routed(ticket(1), "pd")])
    page = Transition(Change.CHANGED, START + 60.0, opened(1).alert)
    first = page._replace(change=Change.OPENED)
    store.put_transitions([Recipients(page, (Order(page, "pd"), Order(first, "sms", "anna")))])
    assert await store.flushed(10.0)
    store = await reopened(store, database_url)
    store.put_orders([Order(first, "voice", "anna", 2)], CALLED)
    assert await store.flushed(10.0)
    pending, *_ = await store.standing(0.0)
    assert [(each.key, each.transition.change) for each in pending] == [
        ((1, "pd", "", 0, 0), Change.OPENED),
        ((2, "pd", "", 0, 0), Change.CHANGED),
        ((2, "sms", "anna", 0, 0), Change.OPENED),
        ((2, "voice", "anna", 2, 0), Change.OPENED),
    ]
    # Told again after a crash it is the same message: every round has one time.
    assert [each.transition.at for each in pending] == [START + 4.2, *[START + 60.0] * 3]
    assert [(each.receiver, each.severity) for each in (await store.paging(START)).made] == [
        ("pd", Severity.TICKET),
        ("pd", Severity.PAGE),
        ("sms", Severity.PAGE),
        ("voice", Severity.PAGE),
    ]
    await store.close()


async def test_a_change_that_was_held_is_told_under_its_own_transition(database_url: str) -> None:
    store = await Store.open(database_url)
    change = Transition(Change.CHANGED, START + 60.0, opened(1).alert)
    store.put_transitions([routed(opened(1), "pd"), Recipients(change, ())])
    store.put_transitions([routed(opened(2, "logs"), "pd")])
    assert await store.flushed(10.0)
    for newest in (2, 4):
        store.put_orders([Order(change, "pd")], CALLED)
        assert await store.flushed(10.0)
        store = await reopened(store, database_url)
        pending, *_ = await store.standing(0.0)
        assert ((newest, "pd", "", 0, 0), Change.CHANGED) in [
            (each.key, each.transition.change) for each in pending
        ]
        assert ((1, "pd", "", 0, 0), Change.OPENED) in [
            (each.key, each.transition.change) for each in pending
        ]
        store.put_transitions([Recipients(change, ())])
        assert await store.flushed(10.0)
    await store.close()


async def test_a_call_whose_alert_the_store_does_not_know_is_made_all_the_same(
    database_url: str,
) -> None:
    heard: asyncio.Queue[Sequence[Delivery]] = asyncio.Queue()
    store = await Store.open(database_url)
    store.on_deliveries = heard.put_nowait
    store.put_orders([Order(opened(9), "pd")], CALLED)
    (delivery,) = await heard.get()
    assert delivery.transition == opened(9)
    await store.close()


async def test_silences_outlast_a_restart_until_they_are_over(database_url: str) -> None:
    store = await Store.open(database_url)
    for each in (silence("a"), silence("b", ends_at=START + 60.0), silence("c", START + 9_000, 2e9)):
        store.put_silence(each)
    assert await store.flushed(10.0)
    ended = silence("a")._replace(ended_at=START + 120.0, ended_by="ben")
    store.put_silence(ended)
    store = await reopened(store, database_url)
    assert (await store.paging(START + 60.0)).silences == (ended, silence("c", START + 9_000, 2e9))
    assert [each.id for each in (await store.paging(START + 120.0)).silences] == ["c"]
    assert [each.id for each in await store.silences(0.0, 2)] == ["b", "c"]
    await store.close()


async def test_a_silence_that_cannot_be_read_hides_no_other(database_url: str) -> None:
    store = await Store.open(database_url)
    store.put_silence(silence("a"))
    assert await store.flushed(10.0)
    engine = open_at(database_url, "head")
    with engine.begin() as connection:
        row = {"kind": "silence", "body": '{"id": 1}', "starts_at": 0.0, "ends_at": 2e9}
        connection.execute(schema.silences.insert(), {"id": "broken", **row})
    engine.dispose()
    assert [each.id for each in (await store.paging(START)).silences] == ["a"]
    await store.close()


async def test_silences_are_written_after_the_database_was_away(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pager's batch that could not be written is put back whole."""

    store = await Store.open(sqlite_url)
    with monkeypatch.context() as broken:
        broken.setattr(module, "commit_pager", _fails)
        broken.setattr(module, "RETRY_S", 0.01)
        store.put_silence(silence("a"))
        store.put_orders([Order(opened(1), "pd")], CALLED)
        assert not await store.flushed(0.1)
    assert await store.flushed(5.0)
    assert [each.id for each in (await store.paging(START)).silences] == ["a"]
    assert len((await store.standing(0.0)).pending) == 1
    await store.close()


def _fails(*_: object) -> None:
    raise OSError("away")
