"""The stories in tests/scenarios, each held to what it expects."""

from __future__ import annotations

from pathlib import Path

import pytest

from coalmine_aggregator.replay.check import differences
from coalmine_aggregator.replay.files import replay
from coalmine_aggregator.replay.reading import read_scenario

STORIES = sorted((Path(__file__).parents[2] / "scenarios").glob("*.yaml"))


@pytest.mark.parametrize("path", STORIES, ids=lambda path: path.stem)
def test_story(path: Path) -> None:
    loaded = read_scenario(path, {})
    assert loaded.scenario.name == path.stem
    assert loaded.scenario.source
    outcome = replay(loaded, lambda _: None, lambda _: None)
    assert differences(loaded.scenario.expect, outcome) == []


def test_there_is_a_story_for_every_effect() -> None:
    told = {fault.effect for path in STORIES for fault in read_scenario(path, {}).scenario.faults}
    assert len(told) == 10
