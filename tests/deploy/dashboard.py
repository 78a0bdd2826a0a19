"""The shipped dashboard and rules, as the tests read them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
RULE_FILES = (DEPLOY / "prometheus" / "recording.yml", DEPLOY / "prometheus" / "alerts.yml")
DASHBOARD: dict[str, Any] = json.loads((DEPLOY / "grafana" / "coalmine.json").read_text())

_VARIABLES = {"$job": "coalmine", "$service": "[^_].*", "$__rate_interval": "10s"}
_NAME = re.compile(r"\b(?:coalmine|process)_[a-z0-9_]+")
_RECORDED = re.compile(r"\b[a-z0-9_]+:[a-z0-9_:]+")


def rules() -> list[dict[str, Any]]:
    """Every shipped rule."""
    return [
        rule
        for file in RULE_FILES
        for group in yaml.safe_load(file.read_text())["groups"]
        for rule in group["rules"]
    ]


def expressions() -> Iterator[tuple[str, str]]:
    """Every expression of the dashboard with what it is for, the variables filled in."""
    for panel in DASHBOARD["panels"]:
        for target in panel.get("targets", []):
            yield panel["title"], _filled(target["expr"])
    for annotation in DASHBOARD["annotations"]["list"]:
        yield annotation["name"], _filled(annotation["expr"])


def names(expression: str) -> set[str]:
    """The metrics of ours that an expression reads, as they are exposed."""
    plain = _RECORDED.sub("", expression)
    return {re.sub(r"_bucket$", "", name) for name in _NAME.findall(plain)}


def recorded(expression: str) -> set[str]:
    """What it reads of the recording rules."""
    return set(_RECORDED.findall(re.sub(r'"[^"]*"', "", expression)))


def _filled(expression: str) -> str:
    for variable, value in _VARIABLES.items():
        expression = expression.replace(variable, value)
    assert "$" not in expression, expression
    return expression
