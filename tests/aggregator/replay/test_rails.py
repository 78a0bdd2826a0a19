"""The scenarios of the rails: each differs from what it expects as soon as its rail is taken out."""

from __future__ import annotations

from pathlib import Path

import pytest

from coalmine_aggregator.remediate import rails, returning
from coalmine_aggregator.remediation_settings import RemediationRules
from coalmine_aggregator.replay import nodes
from coalmine_aggregator.replay.check import differences
from coalmine_aggregator.replay.files import replay
from coalmine_aggregator.replay.reading import read_scenario

SCENARIOS = Path(__file__).parents[2] / "scenarios"

TOLD = {path.stem.removeprefix("rail-") for path in SCENARIOS.glob("rail-*.yaml")}

NEEDS_NO_SCENARIO = {"unknown_nodes"}
"""Where nobody knows the nodes there is none to be withdrawn: what is wanted is not told at all."""


def told(rail: str) -> list[str]:
    """What differs in the scenario of a rail."""
    loaded = read_scenario(SCENARIOS / f"rail-{rail}.yaml", {})
    outcome = replay(loaded, lambda _: None, lambda _: None)
    return [each.what for each in differences(loaded.scenario.expect, outcome)]


def test_every_rail_has_a_scenario() -> None:
    names = {rail.name for rail in rails.RAILS}
    assert names - NEEDS_NO_SCENARIO == TOLD - {nodes.DRY_RUN}


@pytest.mark.parametrize("rail", sorted(TOLD - {nodes.DRY_RUN, "stale"}))
def test_its_scenario_fails_without_a_rail(rail: str, monkeypatch: pytest.MonkeyPatch) -> None:
    others = tuple(each for each in rails.RAILS if each.name != rail)
    monkeypatch.setattr(rails, "RAILS", others)
    assert told(rail) != []


def test_its_scenario_fails_if_a_dry_run_acts(monkeypatch: pytest.MonkeyPatch) -> None:
    policies = RemediationRules.policies
    monkeypatch.setattr(
        RemediationRules,
        "policies",
        lambda rules: {name: each._replace(dry_run=False) for name, each in policies(rules).items()},
    )
    assert "remediation: node dc1-a-3 was withdrawn" in told(nodes.DRY_RUN)


def test_its_scenario_fails_if_what_is_stale_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(returning, "_by_time", lambda *_: None)
    assert "remediation: node dc1-a-3 was not restored" in told("stale")
