"""The audit log's entries: any text, in bounds, and no flood of what anybody can cause."""

from __future__ import annotations

import json
from typing import Any

import pytest

from coalmine_aggregator.access.audit import REFUSALS, Audit
from coalmine_aggregator.access.identity import Identity, Via
from coalmine_aggregator.access.roles import Role
from coalmine_aggregator.model.audit_entry import MAX_DETAIL, AuditEntry

ADA = Identity("ada", Role.OPERATOR, Role.OPERATOR.scopes, Via.OIDC, "10.0.0.1")


class Clock:
    now = 1000.0
    boottime = 50.0


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def entries() -> list[AuditEntry]:
    return []


@pytest.fixture
def audit(clock: Clock, entries: list[AuditEntry]) -> Audit:
    return Audit(entries.append, lambda: clock.now, lambda: clock.boottime)


def test_an_entry_says_who_did_what(audit: Audit, entries: list[AuditEntry]) -> None:
    audit.put(ADA, "alert.ack", "ingest-loss-1", {"note": "mine"})
    assert entries == [
        AuditEntry(
            1000.0,
            "ada",
            "operator",
            "oidc",
            "10.0.0.1",
            "alert.ack",
            "ingest-loss-1",
            '{"note":"mine"}',
        )
    ]


@pytest.mark.parametrize("text", ["\x00", "\ud800", "\x1b[31m", "a\nb=c", "\u2028", "x" * 10_000, "ü"])
def test_any_text_is_made_plain(audit: Audit, entries: list[AuditEntry], text: str) -> None:
    audit.put(ADA._replace(name=text), "act", text, {"text": text})
    audit.refused(text, "token", text, "session.refused", text)
    for entry in entries:
        for value in entry[1:8]:
            assert isinstance(value, str)
            assert value.isprintable()
            assert len(value.encode()) <= MAX_DETAIL
        detail: dict[str, Any] = json.loads(entry.detail)
        assert entry.detail.isascii()
        assert detail.keys() <= {"text", "reason", "too_long"}


def test_a_flood_of_refusals_leaves_few_entries_and_their_count(
    audit: Audit, entries: list[AuditEntry], clock: Clock
) -> None:
    for i in range(10_000):
        audit.refused("", "token", f"10.0.{i // 256}.{i % 256}", "session.refused", "wrong")
        clock.boottime += 0.001
    assert len(entries) == REFUSALS
    audit.put(ADA, "act")
    assert len(entries) == REFUSALS + 1, "what people did is written all the same"
    clock.boottime += 60.0
    audit.refused("", "token", "10.0.0.1", "session.refused", "wrong")
    assert json.loads(entries[-1].detail) == {"reason": "wrong", "left_out": 10_000 - REFUSALS}
    clock.boottime += 60.0
    audit.refused("", "token", "10.0.0.1", "session.refused", "wrong")
    assert json.loads(entries[-1].detail) == {"reason": "wrong"}


def test_refusals_are_written_again_whatever_the_wall_clock_does(
    audit: Audit, entries: list[AuditEntry], clock: Clock
) -> None:
    clock.now += 86_400
    for _ in range(REFUSALS + 1):
        audit.refused("", "token", "10.0.0.1", "session.refused", "wrong")
    clock.now -= 86_400
    clock.boottime += 60.0
    audit.refused("", "token", "10.0.0.1", "session.refused", "wrong")
    assert len(entries) == REFUSALS + 1
    assert entries[-1].at == clock.now


def test_what_is_no_json_is_the_callers_fault(audit: Audit) -> None:
    with pytest.raises(ValueError):
        audit.put(ADA, "act", detail={"x": float("nan")})
