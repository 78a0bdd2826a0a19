"""What is shipped for Prometheus and Grafana is sound by their own tools, and lacks nothing."""

from __future__ import annotations

import re
import subprocess
from itertools import combinations
from pathlib import Path

import pytest

from coalmine_aggregator.detect.burn import PAIRS
from coalmine_aggregator.model.fates import BAD, NEITHER, Fate
from tests.deploy.dashboard import DASHBOARD, DEPLOY, RULE_FILES, expressions, recorded, rules
from tests.servers.process import executable

PLAYBOOK = (DEPLOY.parent / "docs" / "prometheus.md").read_text()
UNIT_TESTS = sorted((DEPLOY / "prometheus" / "tests").glob("*.yml"))


def promtool(*words: str | Path) -> str:
    """What promtool says; AssertionError where it is not content."""
    argv = [executable("promtool", "prometheus"), *map(str, words)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_promtool_takes_the_configuration_and_the_rules() -> None:
    assert "2 rule files found" in promtool("check", "config", DEPLOY / "prometheus" / "prometheus.yml")
    for file in RULE_FILES:
        assert "SUCCESS" in promtool("check", "rules", file)


@pytest.mark.parametrize("file", UNIT_TESTS, ids=lambda file: file.stem)
def test_the_rules_do_what_their_tests_say(file: Path) -> None:
    assert promtool("test", "rules", file).count("SUCCESS") == 1


def test_every_alert_says_how_urgent_it_is_and_what_to_do() -> None:
    alerts = [rule for rule in rules() if "alert" in rule]
    tested = (DEPLOY / "prometheus" / "tests" / "alerts.yml").read_text()
    sections = set(re.findall(r"^### (\w+)$", PLAYBOOK, re.MULTILINE))
    assert {rule["alert"] for rule in alerts} == sections
    for rule in alerts:
        name = rule["alert"]
        assert rule["labels"]["severity"] in ("page", "ticket", "none"), name
        told = rule["annotations"]
        assert told["summary"], name
        assert len(told["summary"]) <= 50, name
        assert told["description"], name
        assert told["runbook_url"] == f"https://wiki.example/coalmine#{name.lower()}"
        assert name in tested


def test_the_rules_mean_what_coalmine_means() -> None:
    text = "".join(file.read_text() for file in RULE_FILES)
    bad = "|".join(Fate(fate).label for fate in BAD)
    assert set(re.findall(r'fate=~"(.*?)"', text)) == {bad}
    neither = {fate.label for fate in (Fate(fate) for fate in NEITHER)}
    assert {frozenset(each.split("|")) for each in re.findall(r'fate!~"(.*?)"', text)} == {
        frozenset(neither)
    }
    for pair in PAIRS:
        for window in (pair.long, pair.short):
            assert f'window="{window}"}} > {pair.speed:g}' in text, pair


def test_the_dashboard_is_one_that_grafana_can_provision() -> None:
    assert DASHBOARD["uid"] == "coalmine"
    assert "id" not in DASHBOARD, "it is the importing Grafana's to give"
    panels = DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    for panel in panels:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        for target in panel.get("targets", []):
            assert target["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
    for one, other in combinations([panel["gridPos"] for panel in panels], 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        below = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert beside or below, (one, other)


def test_what_the_dashboard_takes_from_rules_is_recorded() -> None:
    known = {rule["record"] for rule in rules() if "record" in rule}
    read = {name for _, expression in expressions() for name in recorded(expression)}
    assert read
    assert read <= known
