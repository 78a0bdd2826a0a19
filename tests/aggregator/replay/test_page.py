"""docs/replay.md tells of every key of a scenario, every effect and every class of what is printed."""

from __future__ import annotations

import re
from pathlib import Path

from coalmine_aggregator.replay.controls import Control
from coalmine_aggregator.replay.effects import Effect, Fault, StepName, Where
from coalmine_aggregator.replay.expectation import ExpectedRemediation
from coalmine_aggregator.replay.reading import parse_scenario
from coalmine_aggregator.replay.scenario import Scenario
from coalmine_runtime.settings import describe

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "replay.md").read_text()


def test_every_key_is_told() -> None:
    told = set(re.findall(r"[a-z_]+", PAGE))
    for settings in (Scenario, Fault, Where, Control, ExpectedRemediation):
        for key, *_ in describe(settings):
            if ".slo." in key or key.startswith(("detection.", "remediation.")):
                continue  # docs/configuration.md has them
            assert key.rpartition(".")[2].removesuffix("[]") in told | {"<name>"}, key


def test_every_effect_is_told() -> None:
    for effect in Effect:
        assert f"| `{effect}` |" in PAGE
    for step in StepName:
        assert step in PAGE


def test_the_example_is_a_scenario() -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    assert parse_scenario(example).scenario.name == "udp-decoder-crash"
