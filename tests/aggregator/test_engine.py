"""The engine, case by case: what a slot ends as, and what later evidence makes of it."""

from __future__ import annotations

import numpy as np
import pytest

from coalmine_aggregator.model.receipts import Receipts
from coalmine_wire.reports import Verdict
from tests.aggregator.fleet import Canary, T, desk, healthy, running


def test_a_healthy_second_is_delivered() -> None:
    canary = Canary()
    at = running(canary)
    at.receive(canary.names(), T + 1)
    at.engine.report(canary.report([T + 1]), T + 2)
    assert not at.tick(T + 3.9).settled
    at.tick(T + 4)
    assert at.order == [T + 1]
    assert at.fates(T + 1) == {"delivered": 3}
    assert at.total(T + 1).received == 3


def test_sent_and_never_arrived_is_lost_and_unreported_is_silent() -> None:
    canary = Canary()
    at = running(canary)
    at.receive(canary.names()[:1], T + 1)
    at.engine.report(canary.report([T + 1], endpoints=[0, 1]), T + 2)
    at.tick(T + 4)
    assert at.fates(T + 1) == {"delivered": 1, "lost": 1, "unknown": 1}


def test_a_receipt_in_time_needs_no_report() -> None:
    canary = Canary()
    at = running(canary)
    at.receive(canary.names(), T + 1, arrived=T + 3.99)
    at.tick(T + 4)
    assert at.fates(T + 1) == {"delivered": 3}


def test_a_receipt_after_three_seconds_is_late_and_revises() -> None:
    canary = Canary()
    at = running(canary)
    at.engine.report(canary.report([T + 1]), T + 2)
    at.tick(T + 4)
    assert at.fates(T + 1) == {"lost": 3}
    at.receive(canary.names()[:2], T + 1, arrived=T + 4)
    tick = at.tick(T + 4.2)
    assert [counts.slot for counts in tick.revised] == [T + 1]
    assert at.fates(T + 1) == {"late": 2, "lost": 1}
    assert at.total(T + 1).received == 0


def test_a_failure_stands_though_a_receipt_came_and_is_told_as_contradictory() -> None:
    canary = Canary()
    at = running(canary)
    at.receive(canary.names(), T + 1)
    at.engine.report(canary.report([T + 1], Verdict.ABANDONED, endpoints=[0]), T + 2)
    at.engine.report(canary.report([T + 1], Verdict.FAILED, endpoints=[1]), T + 2)
    at.tick(T + 4)
    assert at.fates(T + 1) == {"abandoned": 1, "failed": 1, "delivered": 1}
    assert at.engine.oddities()["contradictory"] == 2


def test_an_impaired_agent_makes_its_whole_slot_unknown() -> None:
    canary, other = Canary(), Canary("a2", "h2")
    at = running(canary, other)
    at.receive([*canary.names(), *other.names()], T + 1)
    at.engine.report(canary.report([T + 1], impaired=["loop_lag"]), T + 2)
    at.tick(T + 4)
    assert at.fates(T + 1) == {"unknown": 3, "delivered": 3}
    view = at.engine.agents(T + 4)[0]
    assert view.impaired == ("loop_lag",)
    assert (view.unknown_60s, view.received_60s) == ({"impaired": 3}, 3)


def test_a_spooled_report_revises_until_a_day_has_passed() -> None:
    canary = Canary()
    at = running(canary, depth=8)
    healthy(at, range(T + 1, T + 4), canary)
    for slot in range(T + 4, T + 30):  # cut off from the broker, and from the service at first
        if slot != T + 5:
            at.receive(canary.names(), slot)
        at.tick(slot + 1.2)
    at.tick(T + 32)
    assert at.fates(T + 5) == {"unknown": 3}
    at.engine.report(canary.report([T + 5, T + 6], Verdict.FAILED), T + 33)  # long out of the ring
    tick = at.tick(T + 33.1)
    assert sorted(counts.slot for counts in tick.revised) == [T + 5, T + 6]
    assert at.fates(T + 5) == {"failed": 3}
    assert at.engine.oddities()["contradictory"] == 3
    at.tick(T + 33.2)
    assert not at.last or not at.last.revised  # once is enough


def test_after_a_day_a_fate_is_frozen() -> None:
    canary = Canary()
    before = running(canary)
    before.tick(T + 5)
    day = T + 86_400
    at = desk(day - 10, before.restored([canary.birth()]))
    while at.engine.first_unsettled < day - 12:
        at.tick(day - 9)
    at.engine.report(canary.report([T + 1]), day - 8)
    at.tick(day - 8)
    assert at.fates(T + 1) == {"lost": 3}
    at.tick(day + 4.5)
    at.engine.report(canary.report([T + 1], Verdict.FAILED), day + 4.5)
    at.engine.report(canary.report([T + 2], Verdict.FAILED), day + 4.5)
    assert [counts.slot for counts in at.tick(day + 4.6).revised] == [T + 2]
    assert at.fates(T + 1) == {"lost": 3}
    assert at.engine.oddities()["frozen"] == 3


def test_a_gap_of_ours_is_final() -> None:
    canary = Canary()
    at = running(canary)
    at.engine.gap(T + 1, T + 1, "stall")
    at.receive(canary.names(), T + 1)
    at.engine.report(canary.report([T + 1, T + 2], Verdict.FAILED), T + 2)
    at.tick(T + 5)
    assert at.fates(T + 1) == {"unknown": 3}
    assert at.total(T + 1).received == 3
    assert at.fates(T + 2) == {"failed": 3}
    at.engine.gap(T + 2, T + 2, "found out later")
    at.tick(T + 5.2)
    assert at.fates(T + 2) == {"unknown": 3}


def test_receipts_that_nobody_expected_are_counted_apart() -> None:
    canary = Canary(first_slot=T + 3)
    at = running(canary)
    at.receive(canary.names(), T + 2)
    at.engine.receive(Receipts(0, T + 2.3, np.array([-1, 77], np.int32), np.full(2, T + 2)))
    at.receive(canary.names(), T + 3)
    at.tick(T + 6)
    assert at.fates(T + 2) == {}
    assert at.fates(T + 3) == {"delivered": 3}
    oddities = at.engine.oddities()
    assert (oddities["stray"], oddities["unknown_series"]) == (3, 2)


def test_duplicates_are_counted_apart() -> None:
    canary = Canary()
    at = running(canary)
    for _ in range(3):
        at.receive(canary.names(), T + 1)
    at.tick(T + 4)
    assert at.total(T + 1).received == 3
    assert at.engine.oddities()["duplicates"] == 6


def test_a_slot_settles_later_while_agents_report_at_long_intervals() -> None:
    at = running(Canary(interval_s=10))
    assert not at.tick(T + 12.9).settled
    assert [counts.slot for counts in at.tick(T + 13).settled] == [T + 1]


def test_a_stall_settles_every_slot_once_and_in_order() -> None:
    canary = Canary()
    at = running(canary, depth=16)
    at.tick(T + 4)
    for _ in range(20):
        at.tick(T + 104)
    assert at.order == list(range(T + 1, T + 102))
    assert all(at.fates(slot) == {"unknown": 3} for slot in at.order)


def test_a_clock_that_is_ahead_makes_its_agents_slots_unknown_at_once() -> None:
    canary, other = Canary(), Canary("a2", "h2")
    at = running(canary, other)
    healthy(at, range(T + 1, T + 6), canary, other)
    # a1's clock jumps ahead by 2.5 s: it labels its datapoints so.
    at.receive(canary.names(), T + 8, arrived=T + 6 - 0.2 + 0.3)
    at.receive(other.names(), T + 6)
    at.tick(T + 9)
    assert at.fates(T + 6) == {"unknown": 3, "delivered": 3}
    assert at.engine.oddities()["ahead"] == 3
    assert at.engine.agents(T + 9)[0].unknown_60s["clock"] >= 3


def test_a_clock_that_is_behind_is_no_loss() -> None:
    canary, other = Canary(), Canary("a2", "h2")
    at = running(canary, other)
    healthy(at, range(T + 1, T + 6), canary, other)
    for slot in range(T + 6, T + 20):
        at.receive(other.names(), slot)
        at.engine.report(other.report([slot], sent_at=slot + 1.1), slot + 1.11)
        # Five seconds behind: what it calls `slot` comes five seconds later than it should.
        at.receive(canary.names(), slot - 5, arrived=slot + 0.3)
        at.engine.report(canary.report([slot - 5], sent_at=slot - 5 + 1.1), slot + 1.11)
        at.tick(slot + 1.2)
    for slot in range(T + 6, T + 17):
        assert not {"lost", "late", "failed"} & set(at.fates(slot)), slot
        assert at.total(slot).fates[0] == 3, slot


@pytest.mark.parametrize("slow", ["service", "broker"])
def test_a_slow_service_or_broker_does_not_look_like_a_bad_clock(slow: str) -> None:
    canary = Canary()
    at = running(canary)
    service_s, broker_s = (2.0, 0.01) if slow == "service" else (0.01, 1.5)
    for slot in range(T + 1, T + 20):
        at.receive(canary.names(), slot, arrived=slot + 0.1 + service_s)
        at.engine.report(canary.report([slot], sent_at=slot + 1.1), slot + 1.1 + broker_s)
        at.tick(slot + 2.7)
    assert all(at.fates(slot) == {"delivered": 3} for slot in range(T + 1, T + 19))


@pytest.mark.parametrize("drift_s", [-0.35, 0.35])
def test_a_step_of_our_own_clock_is_a_gap_and_no_agents_fault(drift_s: float) -> None:
    canaries = [Canary(f"a{each}", f"h{each}") for each in range(5)]
    at = running(*canaries)
    # Ours had drifted, not far enough to make the agents' clocks look bad, and is put past the truth.
    for slot in range(T + 1, T + 30):
        ours_s = drift_s if slot < T + 15 else -drift_s
        for canary in canaries:
            at.receive(canary.names(), slot, arrived=slot + 0.13 + ours_s)
            at.engine.report(canary.report([slot], sent_at=slot + 1.1), slot + 1.11 + ours_s)
        at.tick(slot + 1.2 + ours_s)
    assert at.engine.oddities()["clock_steps"] == 1
    assert {tuple(view.unknown_60s) for view in at.engine.agents(T + 31)} == {("aggregator",)}
    gap = [slot for slot in at.order if at.fates(slot) == {"unknown": 15}]
    assert {T + 13, T + 14, T + 15} <= set(gap)
    assert len(gap) <= 5
    assert all(at.fates(slot) == {"delivered": 15} for slot in at.order if slot not in gap)


def test_a_restarted_source_is_a_gap_until_its_first_receipt() -> None:
    canary = Canary()
    at = running(canary, sources=("tcp", "udp"))
    healthy(at, range(T + 1, T + 10), canary)
    at.engine.source_restarted(1, T + 10.0)  # nothing of ours comes by it
    healthy(at, range(T + 10, T + 12), canary)
    at.engine.source_restarted(0, T + 12.0)
    for slot in range(T + 12, T + 60):
        at.engine.report(canary.report([slot]), slot + 1.1)
        if slot >= T + 20:
            at.receive(canary.names(), slot)
        at.tick(slot + 1.2)
    assert at.fates(T + 9) == {"delivered": 3}
    assert all(at.fates(slot) == {"unknown": 3} for slot in range(T + 10, T + 21))
    assert all(at.fates(slot) == {"delivered": 3} for slot in range(T + 21, T + 55))


def test_a_source_that_stays_silent_is_waited_for_thirty_seconds() -> None:
    canary = Canary()
    at = running(canary)
    healthy(at, range(T + 1, T + 10), canary)
    at.engine.source_restarted(0, T + 10.0)
    for slot in range(T + 10, T + 60):
        at.engine.report(canary.report([slot]), slot + 1.1)
        at.tick(slot + 1.2)
    assert all(at.fates(slot) == {"unknown": 3} for slot in range(T + 10, T + 41))
    assert all(at.fates(slot) == {"lost": 3} for slot in range(T + 41, T + 55))
