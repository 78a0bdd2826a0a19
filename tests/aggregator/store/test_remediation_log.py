"""What remediation did and people pinned: kept in order, over restarts, and when it says so."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from coalmine_aggregator.model.pin import PinChange, PinState
from coalmine_aggregator.model.remediation_event import RemediationEvent, RemediationKind
from coalmine_aggregator.store import commit, pending, remediation_log, retention
from coalmine_aggregator.store.commit import HistoryWriter
from coalmine_aggregator.store.database import open_engine
from coalmine_aggregator.store.pending import History, Pager
from coalmine_aggregator.store.retention import DAY_S, KEPT
from coalmine_aggregator.store.store import Store
from tests.aggregator.store.samples import START, expecting, names, settled

NAMES = names()
ALL = 2**31


def event(i: int, node: str = "web-1", service: str = "ingest") -> RemediationEvent:
    return RemediationEvent(
        RemediationKind.WITHDRAWN,
        1000.0 + i,
        service,
        node,
        text=f"number {i}",
        evidence=("web-1 (own): bad, 12 of 18 in 3 s, failing udp", "web-2: bad"),
        dry_run=bool(i % 2),
    )


def pin(state: PinState | None, at: float, node: str = "web-1") -> PinChange:
    return PinChange("ingest", node, state, "ada", "new disk", at)


@pytest.fixture
def url(database_url: str) -> str:
    return database_url


async def test_events_outlive_a_restart_and_are_read_the_newest_first(url: str) -> None:
    for start in (0, 3):
        store = await Store.open(url)
        store.put_remediation([event(i, f"web-{i % 2}") for i in range(start, start + 3)])
        await store.close()
    store = await Store.open(url)
    everything = await store.remediation(before=ALL, limit=100)
    assert [each.number for each in everything] == [6, 5, 4, 3, 2, 1]
    assert everything[-1].event == event(0, "web-0")
    page = await store.remediation(before=4, limit=2)
    assert [each.number for each in page] == [3, 2]
    one = await store.remediation(before=ALL, limit=100, service="ingest", node="web-1")
    assert [each.number for each in one] == [6, 4, 2]
    assert await store.remediation(before=ALL, limit=100, service="other") == []
    await store.close()


async def test_a_pin_is_on_disk_once_it_is_flushed(url: str) -> None:
    store = await Store.open(url)
    store.put_pin(pin(PinState.OUT, 1.0))
    store.put_pin(pin(PinState.IN, 2.0, "web-2"))
    assert await store.flushed(10.0)
    other = await Store.open(url)
    assert await other.pins() == [pin(PinState.OUT, 1.0), pin(PinState.IN, 2.0, "web-2")]
    store.put_pin(pin(None, 3.0))
    assert await store.flushed(10.0)
    assert await other.pins() == [pin(PinState.IN, 2.0, "web-2"), pin(None, 3.0)]
    await other.close()
    await store.close()


async def test_any_text_is_kept(url: str) -> None:
    odd = event(1)._replace(text="\ud800\0'; DROP", by="ü" * 255, evidence=("x" * 9_999,) * 50)
    store = await Store.open(url)
    store.put_remediation([odd])
    store.put_pin(pin(PinState.IN, 1.0)._replace(why="\0\udfff", by="'"))
    await store.close()
    store = await Store.open(url)
    (kept,) = await store.remediation(before=9, limit=9)
    assert kept.event.text == "\ufffd\ufffd'; DROP"
    assert kept.event.by == odd.by
    assert [len(line) for line in kept.event.evidence] == [remediation_log.MAX_TEXT] * 20
    assert (await store.pins())[0].why == "\ufffd\ufffd"
    await store.close()


async def test_what_cannot_be_read_is_left_out(url: str) -> None:
    store = await Store.open(url)
    store.put_remediation([event(1), event(2), event(3)])
    store.put_pin(pin(PinState.IN, 1.0))
    store.put_pin(pin(PinState.OUT, 2.0, "web-2"))
    await store.close()
    engine = open_engine(url)
    with engine.begin() as connection:
        for number, body in ((1, "[]"), (2, '{"kind": "eaten"}')):
            connection.execute(
                sa.text("UPDATE remediation_log SET body = :body WHERE id = :id"),
                {"body": body, "id": number},
            )
        connection.execute(sa.text("UPDATE pins SET state = 'up' WHERE node = 'web-1'"))
    engine.dispose()
    store = await Store.open(url)
    assert [each.number for each in await store.remediation(before=ALL, limit=9)] == [3]
    assert [each.node for each in await store.pins()] == ["web-2"]
    await store.close()


def test_what_waits_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pending, "MAX_EVENTS", 3)
    failed, newer = Pager(), Pager()
    for number in (1, 2, 3):
        failed.put_event(number, event(number))
    assert failed.bound_events() == 0
    newer.put_event(4, event(4))
    newer.put_back(failed)
    assert newer.bound_events() == 1
    assert list(newer.events) == [2, 3, 4]


def test_what_is_too_old_goes_but_never_the_newest(url: str) -> None:
    engine = open_engine(url)
    writer = HistoryWriter(engine, KEPT._replace(remediation_s=2 * DAY_S))
    assert retention.ROWS_AT_ONCE > 3
    with engine.begin() as connection:
        events = {i: event(i)._replace(at=float(START + i)) for i in (1, 2, 3)}
        pins = [pin(None, START), pin(PinState.OUT, START, "web-2"), pin(None, START + DAY_S, "web-3")]
        remediation_log.write_remediation(connection, events, pins)

    def kept_after(slot: int) -> list[int]:
        batch = History(lambda kind, count: None)
        batch.put_slot(settled(slot, expecting(range(len(NAMES)))))
        assert writer.commit(batch, NAMES)
        with engine.connect() as connection:
            found = remediation_log.read_events(connection, before=ALL, limit=100)
            return [each.number for each in found]

    assert kept_after(START + 2 * DAY_S) == [3, 2, 1]
    assert kept_after(START + 2 * DAY_S + commit.PRUNE_ROWS_S) == [3, 2, 1]
    assert kept_after(START + 2 * DAY_S + 2 * commit.PRUNE_ROWS_S) == [3]
    with engine.connect() as connection:
        assert remediation_log.next_event_number(connection) == 4
        assert [each.node for each in remediation_log.read_pins(connection)] == ["web-2", "web-3"]
    engine.dispose()
