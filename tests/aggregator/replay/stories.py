"""Scenarios by hand, for tests: a small fleet and whatever goes wrong in it."""

from __future__ import annotations

from typing import Any

from coalmine_aggregator.replay.check import Outcome
from coalmine_aggregator.replay.files import replay
from coalmine_aggregator.replay.lines import Line
from coalmine_aggregator.replay.reading import Loaded, parse_scenario

FLEET = """
fleet:
  services:
    ingest: {protocols: [tcp, udp, https], acceptable_loss: 0.001}
  agents:
    - {location: external, region: us, zone: us-1, count: 2}
    - {location: external, region: eu, zone: eu-1, count: 2}
    - {location: on-machine, region: dc, zone: dc-a, count: 2}
"""
"""6 agents, 18 series."""

SERIES = 18


def story(faults: str = "", *, seconds: int = 40, seed: int = 3, more: str = "") -> Loaded:
    """`faults` are the items of a list; `more` further keys of the file."""
    listed = f"faults:\n{faults}" if faults else ""
    text = f"name: story\nduration: {seconds}\nseed: {seed}\n{FLEET}\n{more}\n{listed}\n"
    return parse_scenario(text)


def run(loaded: Loaded) -> tuple[list[Line], Outcome]:
    """Every line that a replay prints, and what it came to."""
    lines: list[Line] = []
    outcome = replay(loaded, lines.append, lambda _: None)
    return lines, outcome


def fates(loaded: Loaded) -> dict[str, Any]:
    """The fates that occurred."""
    _, outcome = run(loaded)
    assert outcome.balanced
    return {fate: count for fate, count in outcome.fates.items() if count}
