"""The engine, case by case: agents that come, go, restart and clash, and restarts of its own."""

from __future__ import annotations

import pytest

from coalmine_wire.reports import Life, Verdict
from tests.aggregator.fleet import Canary, T, desk, healthy, running


def test_a_goodbye_makes_slots_not_attempted_until_the_next_boot() -> None:
    canary = Canary()
    at = running(canary)
    healthy(at, range(T + 1, T + 5), canary)
    at.engine.state(canary.state(Life.GOODBYE, last_slot=T + 4), T + 5.1)
    again = Canary(boot="boot2", first_slot=T + 20)
    for slot in range(T + 5, T + 30):
        if slot == T + 19:
            at.engine.birth(again.birth(), slot)
        if slot >= T + 20:
            at.receive(again.names(), slot)
        at.tick(slot + 1.0)
    assert all(at.fates(slot) == {"not_attempted": 3} for slot in range(T + 5, T + 20))
    assert all(at.fates(slot) == {"delivered": 3} for slot in range(T + 20, T + 27))


def test_a_goodbye_holds_for_five_minutes() -> None:
    canary = Canary()
    at = running(canary)
    at.engine.state(canary.state(Life.GOODBYE, last_slot=T + 1), T + 2)
    for now in range(T + 3, T + 330):
        at.tick(now)
    assert at.fates(T + 301) == {"not_attempted": 3}
    assert at.fates(T + 302) == {"unknown": 3}
    assert at.engine.agents(T + 300)[0].status == "goodbye"
    assert at.engine.agents(T + 330)[0].status == "missing"


def test_a_goodbye_heard_late_speaks_of_settled_slots() -> None:
    canary = Canary()
    at = running(canary)
    at.tick(T + 8)
    assert at.fates(T + 3) == {"unknown": 3}
    at.engine.state(canary.state(Life.GOODBYE, last_slot=T + 2), T + 8)
    at.tick(T + 8.2)
    assert at.fates(T + 2) == {"unknown": 3}
    assert at.fates(T + 3) == {"not_attempted": 3}


def test_silence_makes_missing_and_unknown_but_never_retires() -> None:
    canary = Canary()
    at = running(canary)
    healthy(at, range(T + 1, T + 5), canary)
    at.engine.state(canary.state(Life.LOST), T + 5)  # a last will decides nothing
    assert at.engine.agents(T + 14)[0].status == "alive"
    for slot in range(T + 5, T + 40):
        at.tick(slot)
    assert at.engine.agents(T + 40)[0].status == "missing"
    assert at.fates(T + 36) == {"unknown": 3}
    assert at.events.count("aggregator.agent.missing") == 1
    healthy(at, range(T + 40, T + 45), canary)
    assert at.engine.agents(T + 45)[0].status == "alive"
    assert at.events.count("aggregator.agent.back") == 1


def test_retirement_is_on_purpose_and_ends_what_is_expected() -> None:
    canary = Canary()
    at = running(canary)
    healthy(at, range(T + 1, T + 5), canary)
    at.engine.state(canary.state(Life.RETIRED, last_slot=T + 4), T + 5)
    for slot in range(T + 5, T + 90):
        at.tick(slot)
    assert at.fates(T + 4) == {"delivered": 3}
    assert at.fates(T + 5) == {}
    assert at.engine.agents(T + 90)[0].status == "retired"
    at.learn()
    assert not at.table
    at.engine.birth(canary.birth(), T + 90)  # the broker still keeps its birth
    assert at.engine.agents(T + 90)[0].status == "retired"


def test_a_reload_swaps_endpoints_in_one_slot() -> None:
    before = Canary()
    after = Canary(revision=2, first_slot=T + 10, protocols=before.protocols[1:])
    at = running(before)
    for slot in range(T + 1, T + 20):
        if slot == T + 9:
            at.engine.birth(after.birth(), slot)
        at.receive((before if slot < T + 10 else after).names(), slot)
        at.tick(slot + 1)
    assert at.fates(T + 9) == {"delivered": 3}
    assert at.fates(T + 10) == {"delivered": 2}
    # Reports count endpoints as the birth of their revision did.
    at.engine.report(before.report([T + 9], Verdict.FAILED, endpoints=[0]), T + 21)
    at.engine.report(after.report([T + 10], Verdict.FAILED, endpoints=[0]), T + 21)
    at.tick(T + 21)
    assert at.fates(T + 9) == {"delivered": 2, "failed": 1}
    assert at.fates(T + 10) == {"delivered": 1, "failed": 1}


def test_a_birth_that_comes_late_begins_where_nothing_was_turned_away() -> None:
    canary = Canary()
    at = desk()
    at.tick(T + 10)
    at.receive(canary.names(), T + 10)  # receivers do not know these names yet
    at.engine.birth(canary.birth(), T + 10.5)
    at.engine.report(canary.report(range(T + 1, T + 12)), T + 12)
    at.tick(T + 14)
    assert at.fates(T + 10) == {}
    assert at.fates(T + 11) == {"lost": 3}


def test_the_birth_of_a_known_series_begins_where_nothing_is_settled() -> None:
    canary, again = Canary(), Canary(boot="boot2", first_slot=T + 5)
    at = running(canary)
    at.tick(T + 10)
    at.engine.birth(again.birth(), T + 10)
    at.engine.report(again.report(range(T + 5, T + 11)), T + 11)
    at.tick(T + 14)
    assert {tuple(at.fates(slot)) for slot in range(T + 5, T + 11)} == {("lost",)}


def test_reports_wait_for_their_birth() -> None:
    canary = Canary()
    at = desk()
    at.engine.report(canary.report([T + 1], Verdict.FAILED), T + 2)
    at.engine.state(canary.state(Life.GOODBYE, last_slot=T + 1), T + 2)
    at.engine.birth(canary.birth(), T + 0.9)
    at.tick(T + 5)
    assert at.fates(T + 1) == {"failed": 3}
    assert at.fates(T + 2) == {"not_attempted": 3}


def test_of_two_hosts_with_one_set_of_labels_the_second_is_set_aside() -> None:
    first, second = Canary("a1", "web 1"), Canary("a2", "web_1", boot="other")
    at = running(first)
    healthy(at, range(T + 1, T + 4), first)
    at.engine.birth(second.birth(), T + 4)
    at.engine.report(second.report([T + 4], Verdict.FAILED), T + 5)
    healthy(at, range(T + 4, T + 6), first)
    at.tick(T + 9)
    assert at.fates(T + 4) == {"delivered": 3}
    statuses = {view.agent: view.status for view in at.engine.agents(T + 6)}
    assert statuses == {"a1": "alive", "a2": "set_aside"}
    assert "aggregator.agent.identity_clash" in at.events
    # The first one says goodbye: the second steps in.
    at.engine.state(first.state(Life.GOODBYE, last_slot=T + 9), T + 10)
    at.engine.report(second.report([T + 9]), T + 10)
    at.tick(T + 10.5)
    assert {v.agent: v.status for v in at.engine.agents(T + 10.6)}["a2"] == "alive"
    healthy(at, range(T + 11, T + 20), second)
    assert at.fates(T + 15) == {"delivered": 3}


def test_of_two_processes_with_one_id_the_second_is_set_aside() -> None:
    first = Canary(boot="first")
    second = Canary(boot="second", first_slot=T + 6)
    at = running(first)
    healthy(at, range(T + 1, T + 6), first)
    at.engine.birth(second.birth(), T + 6)  # looks like a restart
    for slot in range(T + 6, T + 20):
        at.receive(first.names(), slot)
        at.engine.report(first.report([slot], sent_at=slot + 1.1), slot + 1.11)
        at.engine.report(second.report([slot], Verdict.FAILED, sent_at=slot + 1.1), slot + 1.11)
        at.tick(slot + 1.2)
    views = {view.boot: view.status for view in at.engine.agents(T + 20)}
    assert views == {"first": "alive", "second": "set_aside"}
    assert at.fates(T + 12) == {"delivered": 3}


def test_an_ordinary_restart_is_no_clash() -> None:
    first, second = Canary(boot="first"), Canary(boot="second", first_slot=T + 6)
    at = running(first)
    healthy(at, range(T + 1, T + 6), first)
    at.engine.birth(second.birth(), T + 6)
    at.engine.report(first.report([T + 5], sent_at=T + 6.1), T + 6.2)  # the last of the first
    healthy(at, range(T + 6, T + 12), second)
    assert [view.boot for view in at.engine.agents(T + 12)] == ["second"]
    assert at.engine.oddities().get("identity_clashes", 0) == 0


def test_a_restart_goes_on_where_the_last_run_ended() -> None:
    canary = Canary()
    at = running(canary)
    for slot in range(T + 1, T + 10):
        at.receive(canary.names(), slot)
        if slot != T + 5:
            at.engine.report(canary.report([slot]), slot + 1)
        at.tick(slot + 1)
    at.engine.report(canary.report([T + 3], Verdict.FAILED, endpoints=[2]), T + 10)
    at.tick(T + 10)
    assert at.order[-1] == T + 7
    then = desk(T + 20.5, at.restored([canary.birth()]))
    then.learn()
    for slot in range(T + 20, T + 30):
        then.receive(canary.names(), slot)
        then.tick(slot + 1)
    assert then.order == list(range(T + 8, T + 28))
    assert all(then.fates(slot) == {"unknown": 3} for slot in range(T + 8, T + 22))
    assert then.fates(T + 22) == {"delivered": 3}
    # What the first run settled is revised on all its evidence.
    then.engine.report(canary.report([T + 5], Verdict.ABANDONED, endpoints=[0]), T + 30)
    then.engine.report(canary.report([T + 3], Verdict.SENT), T + 30)
    then.tick(T + 30)
    assert then.fates(T + 5) == {"abandoned": 1, "delivered": 2}
    assert T + 3 not in then.slots  # nothing new
    assert at.fates(T + 3) == {"failed": 1, "delivered": 2}


def test_a_long_stop_leaves_a_gap_of_at_most_a_day() -> None:
    canary = Canary()
    at = running(canary)
    at.tick(T + 5)
    then = desk(T + 200_000.0, at.restored([canary.birth()]))
    for _ in range(40):
        then.receive(canary.names(), T + 200_001)
        then.tick(T + 200_004)
    assert then.order == list(range(T + 200_001 - 86_400, T + 200_002))
    assert then.fates(T + 200_000) == {"unknown": 3}
    assert then.total(T + 200_001).received == 3


def test_a_clock_set_back_far_starts_settling_anew() -> None:
    canary = Canary(first_slot=T + 1)
    at = running(canary)
    healthy(at, range(T + 1, T + 10), canary)
    back = T - 1_000
    at.tick(back)
    for slot in range(back + 1, back + 10):
        at.receive(canary.names(), slot)
        at.tick(slot + 1.2)
    assert at.order[-1] == back + 7


@pytest.mark.parametrize("ahead_s", [3_600, 365 * 86_400])
def test_a_start_while_the_clock_is_ahead_leaves_nobody_unexpected(ahead_s: int) -> None:
    """Whoever introduced themselves meanwhile do not say it again."""
    canary = Canary(first_slot=T - ahead_s - 100)
    at = running(canary)
    healthy(at, range(T + 1, T + 10), canary)
    back = T - ahead_s
    at.tick(back)
    for slot in range(back + 1, back + 20):
        at.receive(canary.names(), slot)
        at.tick(slot + 1.2)
    assert at.fates(back + 10) == {"delivered": 3}


def test_views_leave_a_control_agent_out_of_the_rates() -> None:
    canary, control = Canary(), Canary("c1", "hc", control=True)
    at = running(canary, control)
    at.receive([*canary.names(), *control.names()], T + 1)
    at.tick(T + 4)
    assert at.fates(T + 1) == {"delivered": 6}
    assert [each.expected for each in at.engine.rates([], {}, T, T + 9)] == [[3]]
    assert at.engine.rates([], {"service": "_control"}, T, T + 9)[0].received == [3]
    assert {leaf.service for leaf in at.slots[T + 1].leaves} == {"ingest", "_control"}
