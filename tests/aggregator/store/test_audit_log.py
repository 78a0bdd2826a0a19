"""The audit log: what is put is kept, in order, over restarts, and read back by the page."""

from __future__ import annotations

from pathlib import Path

import pytest

from coalmine_aggregator.model.audit_entry import AuditEntry
from coalmine_aggregator.store import audit_log
from coalmine_aggregator.store.audit_log import WaitingAudit
from coalmine_aggregator.store.store import Store


def entry(i: int, actor: str = "ada", action: str = "session.begin") -> AuditEntry:
    return AuditEntry(
        1000.0 + i, actor, "operator", "token", "10.0.0.1", action, f"thing {i}", '{"i":1}'
    )


async def test_entries_outlive_a_restart_and_are_read_the_newest_first(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/history.db"
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


async def test_any_text_is_kept(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/history.db"
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
