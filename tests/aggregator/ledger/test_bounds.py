"""What is bounded stays so, and says what it dropped."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from coalmine_aggregator.ledger import archive, roster, series, waiting
from coalmine_aggregator.ledger.gaps import MAX_GAPS, Gaps
from coalmine_wire.reports import Life
from tests.aggregator.fleet import Canary, T, desk


def test_reports_that_no_birth_explains_are_dropped_and_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(waiting, "MAX_REPORTS", 10)
    at = desk()
    for number in range(25):
        at.engine.report(Canary(f"a{number}").report([T + 1]), T + 1.0)
    assert at.engine.oddities()["reports_unexplained"] == 15
    at.tick(T + waiting.WAIT_S + 2)
    assert at.engine.oddities()["reports_unexplained"] == 25


def test_births_beyond_the_bound_are_refused_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(roster, "MAX_AGENTS", 2)
    at = desk()
    for number in range(4):
        at.engine.birth(Canary(f"a{number}", f"h{number}").birth(), T + 0.5)
    at.tick(T + 1)
    assert at.events == ["aggregator.birth.refused"] * 2
    assert len(at.engine.agents(T + 1)) == 2


def test_series_beyond_the_bound_are_refused_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(series, "MAX_SERIES", 4)
    at = desk()
    at.engine.birth(Canary("a1", "h1").birth(), T + 0.5)
    at.engine.birth(Canary("a2", "h2").birth(), T + 0.5)
    at.tick(T + 4)
    assert at.engine.oddities()["births_refused"] == 1
    assert at.total(T + 1).expected == 3


def test_an_archive_that_is_full_freezes_its_oldest_slots(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MAX_BYTES", 1_000)
    at = desk(depth=8)
    canary = Canary()
    at.engine.birth(canary.birth(), T + 0.5)
    for slot in range(T + 1, T + 30):
        at.tick(slot)
    frozen = at.engine.oddities()["slots_frozen_early"]
    assert frozen > 10
    at.engine.report(canary.report([T + 1]), T + 30.0)
    assert not at.tick(T + 30).revised
    assert at.engine.oddities()["frozen"] == 3


def test_evidence_that_waits_for_the_archive_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MAX_WAITING", 30)
    at = desk(depth=8)
    canary = Canary()
    at.engine.birth(canary.birth(), T + 0.5)
    for slot in range(T + 1, T + 40):
        at.tick(slot)
    at.engine.report(canary.report(range(T + 1, T + 21)), T + 40.0)
    assert len(at.tick(T + 40).revised) == 10
    assert at.engine.oddities()["revisions_dropped"] == 30


def test_gaps_beyond_the_bound_are_joined_and_none_is_forgotten() -> None:
    gaps = Gaps()
    slots = range(T, T + 3 * (MAX_GAPS + 50), 3)
    for slot in slots:
        gaps.add(slot, slot, "test")
    assert all(gaps.covers(slot) for slot in slots)


def test_goodbyes_and_births_of_a_restless_agent_are_bounded() -> None:
    at = desk()
    now = float(T)
    for number in range(300):
        now += 1.0
        canary = Canary(boot=f"boot{number}", first_slot=int(now) + 1)
        at.engine.birth(canary.birth(), now)
        at.engine.state(canary.state(Life.GOODBYE, int(now) + 1), now + 0.9)
        at.tick(now + 0.9)
    (view,) = at.engine.agents(now)
    assert view.boot == "boot299"
    oddities: Counter[str] = Counter(at.engine.oddities())
    assert oddities["births_refused"] == 0
    assert np.all([at.total(slot).expected == 3 for slot in at.order if slot > T + 2])
