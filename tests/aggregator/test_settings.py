"""The aggregator's configuration: a short one is enough, and a bad one says where."""

from __future__ import annotations

from pathlib import Path

import pytest

from coalmine_aggregator.model.policy import ServicePolicy
from coalmine_aggregator.settings import AggregatorSettings
from coalmine_runtime.settings import Address, ConfigError, load, loads

BAD = Path(__file__).parent / "bad_configs"


@pytest.mark.parametrize("config", sorted(BAD.glob("*.yaml")), ids=lambda path: path.stem)
def test_a_bad_configuration_says_where(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(BAD)
    with pytest.raises(ConfigError) as caught:
        load(AggregatorSettings, config.name, {})
    assert str(caught.value) == config.with_suffix(".txt").read_text().rstrip("\n")


def test_a_short_configuration_is_enough() -> None:
    settings = loads(
        AggregatorSettings,
        """
        services: {ingest: {}}
        receive: {tcp: "127.0.0.1:2003"}
        """,
        {},
    )
    assert settings.policies() == {"ingest": ServicePolicy("ingest", 0.001)}
    assert settings.receive.listeners() == {"tcp": Address("127.0.0.1", 2003)}
    assert settings.broker.embedded == Address("127.0.0.1", 1883)
    assert settings.web.listen.loopback


def test_another_broker_is_reached_as_agents_reach_it() -> None:
    settings = loads(
        AggregatorSettings,
        """
        fleet: prod
        services: {ingest: {}}
        receive: {tcp: "127.0.0.1:2003"}
        broker: {url: "mqtt://broker.example", username: u, password: p}
        """,
        {},
    )
    client = settings.broker.client(settings.fleet)
    assert str(client.url) == "mqtt://broker.example:1883"
    assert (client.fleet, client.username) == ("prod", "u")
