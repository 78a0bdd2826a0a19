"""Remediation in the engine: what the judge leaves out, and that no fault of it ends the counting."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from coalmine_aggregator.engine import Engine
from coalmine_aggregator.model.remediation_policy import RemediationPolicy
from coalmine_aggregator.remediate import remediator
from coalmine_aggregator.remediate.decisions import decide
from coalmine_aggregator.remediate.turn import NO_TURN, Controls, Situation
from coalmine_aggregator.replay.files import replay
from coalmine_aggregator.replay.lines import Line
from coalmine_aggregator.replay.reading import Loaded, read_scenario
from coalmine_aggregator.replay.timing import EPOCH
from coalmine_wire.series import Location
from tests.aggregator.fleet import T
from tests.aggregator.judge.story import POLICY, Story, fleet, losing, on_hosts, well

SCENARIO = Path(__file__).parents[1] / "scenarios" / "node-withdrawn-and-returned.yaml"
"""dc1-a-3 fails from 60 to 150, is withdrawn at 65 and back at 183."""

LEASE_S = RemediationPolicy().lease_s


def played(loaded: Loaded) -> list[Line]:
    lines: list[Line] = []
    replay(loaded, lines.append, lambda _: None)
    return lines


def told(lines: list[Line]) -> list[tuple[str, float]]:
    """Losses and withdrawals."""
    return [
        (each["event"], each["at"])
        for each in lines
        if each.get("class") == "loss" or each["event"] in ("withdrawn", "restored")
    ]


@pytest.fixture
def loaded() -> Loaded:
    return read_scenario(SCENARIO, {})


def failing(when: Callable[[float], bool]) -> Callable[..., Any]:
    """Decisions that fail at some fleet times."""

    def decided(memory: Any, situation: Situation, *more: Any) -> Any:
        if when(situation.now - EPOCH):
            raise ZeroDivisionError("by nothing")
        return decide(memory, situation, *more)

    return decided


def test_a_loss_comes_back_when_nobody_holds_to_a_withdrawal_any_more(
    loaded: Loaded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remediator, "decide", failing(lambda at: at >= 100))
    lines = played(loaded)
    events = told(lines)
    assert [event for event, _ in events] == ["opened", "withdrawn", "closed", "opened", "closed"]
    # Last said at 99: outputs let it back after a lease, and what it loses is the service's loss again.
    assert 99 + LEASE_S <= events[3][1] <= 99 + LEASE_S + 8
    (ticket,) = (
        each for each in lines if each.get("class") == "remediation_output" and each["at"] < 110
    )
    assert "ZeroDivisionError" in ticket["summary"]
    assert lines[-1]["balanced"]


def test_a_short_fault_brings_nobody_back(loaded: Loaded, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remediator, "decide", failing(lambda at: at == 100))
    assert told(played(loaded)) == [
        ("opened", 61.6),
        ("withdrawn", 65.0),
        ("closed", 68.0),
        ("restored", 183.0),
    ]


def test_counts_are_the_same_whatever_remediation_does(
    loaded: Loaded, monkeypatch: pytest.MonkeyPatch
) -> None:
    acting = played(loaded)[-1]
    monkeypatch.setattr(remediator, "decide", failing(lambda _: True))
    failed = played(loaded)[-1]
    assert acting["fates"] == failed["fates"]


def test_without_rules_nothing_is_said_and_what_was_out_counts_again() -> None:
    story = Story(fleet())
    story.run(range(T, T + 70))
    story.engine.judge.withdraw("ingest", frozenset({"z0-0"}), T + 70)
    assert story.at.last is not None
    assert story.at.last.remediation is NO_TURN
    later = Story(story.canaries, restored=story.next_run(), began=T + 75)
    later.run_with(T + 76, well)
    assert later.service.withdrawn.now == frozenset()


@pytest.mark.parametrize("dry_run", [False, True])
def test_what_the_other_one_withdrew_is_left_out_here_too(dry_run: bool) -> None:
    """The one that stands by would page for a loss that the other one has ended."""
    rules = {"ingest": RemediationPolicy(dry_run=dry_run, quorum=1)}
    acts, stands_by = (Story(fleet(location=Location.ON_MACHINE), rules=rules) for _ in range(2))
    stands_by.engine.control(Controls(holder=False))
    for slot in range(T, T + 75):
        for story in (acts, stands_by):
            story.run_with(slot, well if slot < T + 60 else losing(on_hosts("z0-0")))
        stands_by.engine.adopt(acts.engine.remembered())
    left_out = frozenset[str]() if dry_run else frozenset({"z0-0"})
    assert acts.service.withdrawn.now == left_out
    assert stands_by.service.withdrawn.now == left_out
    assert bool(stands_by.open()) is dry_run


def test_rules_of_a_service_that_is_not_there_are_refused() -> None:
    with pytest.raises(KeyError):
        Engine(
            fleet="test",
            policies={"ingest": POLICY},
            sources=("tcp",),
            remediation={"render": RemediationPolicy()},
            now=float(T),
        )
