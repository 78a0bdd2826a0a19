"""The annotated examples load, as they are."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from coalmine_agent.settings import Settings
from coalmine_aggregator.model.remediation_policy import RemediationPolicy
from coalmine_aggregator.remediation_settings import OutputSettings, RemediationSettings
from coalmine_aggregator.settings import AggregatorSettings
from coalmine_aggregator.status.components import Cell, Publish
from coalmine_aggregator.status.days import DayRules
from coalmine_aggregator.status.state import StateRules
from coalmine_aggregator.status_settings import StatusPageSettings, load_components
from coalmine_runtime.settings import load
from coalmine_wire.protocols import Protocol
from coalmine_wire.series import Location

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
ENV = {
    "COALMINE_BROKER_PASSWORD": "broker-password",
    "COALMINE_API_KEY": "api-key",
    "COALMINE_PAGERDUTY_KEY": "0123456789abcdef0123456789abcdef",
    "COALMINE_WEBHOOK_SECRET": "whsec_" + "c2VjcmV0" * 4,
    "COALMINE_STATUS_PASSWORD": "status-password",
}


def test_agent() -> None:
    settings = load(Settings, CONFIGS / "agent.yaml", ENV)
    (service,) = settings.services.values()
    assert {key.protocol for key in service} == set(Protocol)
    assert settings.metrics is not None


def test_agents_of_each_location() -> None:
    names = ("agent.yaml", "agent-internal.yaml", "agent-on-machine.yaml")
    assert {load(Settings, CONFIGS / name, ENV).agent.location for name in names} == set(Location)


def test_aggregator() -> None:
    settings = load(AggregatorSettings, CONFIGS / "aggregator.yaml", ENV)
    ingest = settings.services["ingest"]
    assert ingest.acceptable_loss == 0.001
    assert ingest.slo.objective == pytest.approx(0.999)
    assert ingest.slo.window == 30 * 86_400
    assert settings.detection.policy() == (1.0, 14.0)
    assert [entry.kind for entry in settings.notify] == ["pagerduty", "alertmanager", "webhook"]


def test_remediation() -> None:
    path = CONFIGS / "aggregator-remediation.yaml"
    settings = load(AggregatorSettings, path, ENV)
    # What it says is what holds where nothing is said, but for the service and an output.
    assert settings.remediation.policies() == {"ingest": RemediationPolicy()}
    assert settings.stop_file() == Path("/var/lib/coalmine/remediation.stop")
    keys = {line.strip("# ").partition(":")[0] for line in path.read_text().splitlines()}
    for cls in (RemediationSettings, OutputSettings):
        assert {field.name for field in dataclasses.fields(cls)} <= keys


def test_status_page() -> None:
    plan = load(StatusPageSettings, CONFIGS / "status-page.yaml", ENV).plan()
    every = [Cell("ingest", protocol, "eu-1") for protocol in Protocol]
    assert all(plan.components.of(cell) for cell in every)
    assert [each.publish for each in plan.components.all].count(Publish.HELD) == 1
    assert (plan.state, plan.days) == (StateRules(), DayRules())
    assert load_components(CONFIGS / "status-page.yaml").all == plan.components.all


def test_every_yaml_has_its_test() -> None:
    assert {path.name for path in CONFIGS.glob("*.yaml")} == {
        "agent.yaml",
        "agent-internal.yaml",
        "agent-on-machine.yaml",
        "aggregator.yaml",
        "aggregator-remediation.yaml",
        "status-page.yaml",
    }
