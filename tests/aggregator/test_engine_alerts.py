"""The engine moves the alert machine on what it settles, and on revisions that are not old."""

from __future__ import annotations

from coalmine_aggregator.engine import Engine, Tick
from coalmine_aggregator.judge.judge import DETECTED_S
from coalmine_aggregator.model.alerts import AlertClass, Change
from coalmine_aggregator.model.policy import ServicePolicy
from coalmine_wire.reports import Verdict
from tests.aggregator.fleet import Canary, Desk, T

POLICY = ServicePolicy("ingest", 0.01)


def guarded(*canaries: Canary) -> Desk:
    engine = Engine(fleet="test", policies={"ingest": POLICY}, sources=("tcp",), now=float(T))
    at = Desk(engine)
    for canary in canaries:
        engine.birth(canary.birth(), T + 0.5)
    return at


def live(at: Desk, slots: range, canary: Canary, verdict: Verdict | None) -> list[Change]:
    """Seconds that end so; a second without a verdict goes well."""
    changes: list[Change] = []
    for slot in slots:
        if verdict is None:
            at.receive(canary.names(), slot)
        report = canary.report([slot], verdict or Verdict.SENT, sent_at=slot + 1.1)
        at.engine.report(report, slot + 1.11)
        changes += [each.change for each in at.tick(slot + 1.2).transitions]
    return changes


def losses(tick: Tick) -> list[Change]:
    """What was told of losses; the silence of agents in these tests is told beside."""
    return [each.change for each in tick.transitions if each.alert.alert_class is AlertClass.LOSS]


def test_loss_opens_an_alert_and_health_closes_it() -> None:
    canary = Canary()
    at = guarded(canary)
    assert live(at, range(T + 1, T + 10), canary, None) == []
    assert live(at, range(T + 10, T + 16), canary, Verdict.FAILED) == [Change.OPENED]
    (alert,) = at.engine.open_alerts()
    assert (alert.service, alert.since) == ("ingest", T + 10)
    assert live(at, range(T + 16, T + 40), canary, None) == [Change.CLOSED]
    assert at.engine.open_alerts() == []


def test_what_is_unknown_alarms_nobody() -> None:
    canary = Canary()
    at = guarded(canary)
    live(at, range(T + 1, T + 10), canary, None)
    at.engine.gap(T + 10, T + 20, "test")
    assert live(at, range(T + 10, T + 20), canary, Verdict.FAILED) == []


def test_a_replay_of_old_losses_changes_history_and_does_not_page() -> None:
    canary = Canary()
    at = guarded(canary)
    for slot in range(T + 1, T + DETECTED_S + 30):
        at.tick(slot)
    old = range(T + 2, T + 20)
    at.engine.report(canary.report(old, Verdict.FAILED), T + DETECTED_S + 30.0)
    tick = at.tick(T + DETECTED_S + 30)
    assert sorted(counts.slot for counts in tick.revised) == list(old)
    assert not losses(tick)
    assert all(at.fates(slot) == {"failed": 3} for slot in old)


def test_a_replay_of_recent_losses_pages() -> None:
    canary = Canary()
    at = guarded(canary)
    for slot in range(T + 1, T + 30):
        at.tick(slot)
    at.engine.report(canary.report(range(T + 22, T + 27), Verdict.FAILED), T + 30.0)
    assert losses(at.tick(T + 30)) == [Change.OPENED]


def test_objectives_go_on_after_a_start_while_the_clock_was_a_year_ahead() -> None:
    back = T - 365 * 86_400
    canary = Canary(first_slot=back)
    at = guarded(canary)
    assert live(at, range(T + 1, T + 10), canary, None) == []
    at.engine.kept()
    at.tick(back)
    live(at, range(back + 1, back + 20), canary, None)
    told = {minute: sums.judged for _, minute, sums in at.engine.kept().minutes}
    assert sum(told.values()) == 3 * 17
    assert max(told) == (back + 17) // 60
