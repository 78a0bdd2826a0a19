"""Absences of agents: joined where they touch, with a will where they last long enough."""

from __future__ import annotations

from coalmine_aggregator.replay.damage import Damage
from coalmine_aggregator.replay.effects import Effect
from coalmine_aggregator.replay.links import Absence, absences
from tests.aggregator.replay.stories import story

BOTH = (Effect.AGENT_SILENT, Effect.REPORTS_LOST)


def found(faults: str, effects: tuple[Effect, ...] = BOTH) -> list[Absence]:
    loaded = story(faults, seconds=100)
    return absences(Damage(loaded.scenario, loaded.fleet).faults, loaded.scenario.keepalive, effects)


def test_a_will_is_delivered_after_the_keepalive_unless_the_agent_is_back() -> None:
    where = "where: {host: eu-1-1}"
    (absence,) = found(f"  - {{from: 10, to: 40, {where}, effect: agent_silent}}")
    assert absence == Absence(2, 10, 40, 25.0)
    (absence,) = found(f"  - {{from: 10, to: 40, {where}, effect: agent_silent, keepalive: 20}}")
    assert absence.will_at == 30.0
    (absence,) = found(f"  - {{from: 10, to: 25, {where}, effect: agent_silent}}")
    assert absence.will_at is None


def test_absences_that_touch_are_one() -> None:
    faults = """
  - {from: 10, to: 20, where: {host: us-1-1}, effect: agent_silent}
  - {from: 20, to: 30, where: {zone: us-1}, effect: reports_lost}
  - {from: 50, to: 60, where: {host: us-1-1}, effect: reports_lost}"""
    assert found(faults) == [
        Absence(0, 10, 30, 25.0),
        Absence(0, 50, 60, None),
        Absence(1, 20, 30, None),
    ]
    assert found(faults, (Effect.REPORTS_LOST,))[0] == Absence(0, 20, 30, None)
