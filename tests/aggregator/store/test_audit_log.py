"""The audit log: what is put is kept, in order, over restarts, and read back by the page."""

from __future__ import annotations

import pytest

from coalmine_aggregator.model.audit_entry import AuditEntry
from coalmine_aggregator.store import audit_log, commit, retention
from coalmine_aggregator.store.audit_log import WaitingAudit
from coalmine_aggregator.store.commit import HistoryWriter
from coalmine_aggregator.store.database import open_engine
from coalmine_aggregator.store.pending import History
from coalmine_aggregator.store.retention import DAY_S, KEPT
from coalmine_aggregator.store.store import Store
from tests.aggregator.store.samples import START, expecting, names, settled

NAMES = names()


def entry(i: int, actor: str = "ada", action: str = "session.begin") -> AuditEntry:
    return AuditEntry(
        1000.0 + i, actor, "operator", "token", "10.0.0.1", action, f"thing {i}", '{"i":1}'
    )


@pytest.fixture
def url(database_url: str) -> str:
    return database_url


async def test_entries_outlive_a_restart_and_are_read_the_newest_first(url: str) -> None:
    for start in (0, 3):
        store = await Store.open(url)
        for i in range(start, start + 3):
            store.put_audit(entry(i, actor=("ada", "bob")[i % 2]))
        await store.close()
    store = await Store.open(url)
    everything = await store.audit(before=2**31, limit=100)
    assert [each.number for each in everything] == [6, 5, 4, 3, 2, 1]
    assert everything[-1] == entry(0)._replace(number=1)
    page = await store.audit(before=4, limit=2)
    assert [each.number for each in page] == [3, 2]
    bobs = await store.audit(before=2**31, limit=100, actor="bob")
    assert [each.number for each in bobs] == [6, 4, 2]
    assert await store.audit(before=2**31, limit=100, actor="bob", action="other") == []
    assert store.health().waiting == 0
    await store.close()


async def test_any_text_is_kept(url: str) -> None:
    odd = entry(1)._replace(actor="<b>\u202e'; DROP TABLE audit; --", object_="ü" * 255)
    store = await Store.open(url)
    store.put_audit(odd)
    await store.close()
    store = await Store.open(url)
    assert await store.audit(before=9, limit=9) == [odd._replace(number=1)]
    await store.close()


def test_what_waits_is_bounded_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_log, "MAX_WAITING", 3)
    dropped: list[tuple[str, int]] = []
    waiting = WaitingAudit(7, lambda kind, count: dropped.append((kind, count)))
    for i in range(5):
        waiting.put(entry(i))
    assert [each.number for each in waiting.waiting()] == [9, 10, 11]
    assert dropped == [("audit", 1), ("audit", 1)]
    batch = waiting.waiting()
    waiting.put(entry(5))  # pushes out one that was being written
    waiting.forget(batch)
    assert [each.number for each in waiting.waiting()] == [12]


def test_what_is_too_old_goes_a_little_at_a_time_but_never_the_newest(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "ROWS_AT_ONCE", 3)
    engine = open_engine(url)
    writer = HistoryWriter(engine, KEPT._replace(audit_s=2 * DAY_S))
    waiting = WaitingAudit(1, lambda kind, count: None)
    for second in (0, 1, 2, 3, 4, 5, DAY_S, DAY_S + 1):
        waiting.put(entry(second)._replace(at=float(START + second)))
    audit_log.commit_audit(engine, waiting.waiting())

    def kept_after(slot: int) -> list[int]:
        batch = History(lambda kind, count: None)
        batch.put_slot(settled(slot, expecting(range(len(NAMES)))))
        assert writer.commit(batch, NAMES)
        with engine.connect() as connection:
            return [each.number for each in audit_log.read_audit(connection, before=2**31, limit=100)]

    look = commit.PRUNE_ROWS_S
    late = START + 2 * DAY_S + 6 - look
    assert kept_after(late) == [8, 7, 6, 5, 4, 3, 2, 1]
    assert kept_after(late + look - 1) == [8, 7, 6, 5, 4, 3, 2, 1], "an hour has not passed"
    assert kept_after(late + look) == [8, 7, 6, 5, 4, 3, 2, 1], "it was not so the look before"
    assert kept_after(late + 2 * look) == [8, 7, 6, 5, 4]
    assert kept_after(late + 50 * look) == [8, 7]
    assert kept_after(late + 51 * look) == [8]
    with engine.connect() as connection:
        assert audit_log.next_audit_number(connection) == 9
    engine.dispose()
