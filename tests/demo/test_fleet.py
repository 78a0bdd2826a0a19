"""The fleet is what the demo promises, and its configuration files load."""

from __future__ import annotations

from pathlib import Path

import pytest

from coalmine_agent.settings import Settings
from coalmine_aggregator.demo.certificates import SERVER_NAME, make_certificates
from coalmine_aggregator.demo.configs import (
    STATUS_PAGE,
    Wiring,
    agent_config,
    aggregator_config,
    service_endpoints,
    status_page_config,
)
from coalmine_aggregator.demo.fleet import FLEET, REGIONS, SIZE, agents_in
from coalmine_aggregator.settings import AggregatorSettings
from coalmine_aggregator.status_settings import StatusPageSettings
from coalmine_runtime.settings import loads
from coalmine_runtime.tls import TlsServerSettings, server_context
from coalmine_wire.protocols import Protocol
from coalmine_wire.series import Location

WIRING = Wiring(
    web_port=8080,
    broker_port=18830,
    receive_port=20030,
    broker_password="pass${word}",
    pager_url="http://127.0.0.1:9/page",
    pager_secret="whsec_" + "c2VjcmV0" * 4,
    status_port=8081,
)
PORTS = {protocol: 20100 + i for i, protocol in enumerate(Protocol)}


def test_a_dozen_agents_in_four_regions_and_three_locations() -> None:
    assert len(FLEET) == 12
    assert SIZE == 72
    assert REGIONS == ("eu-west-1", "us-east-1", "ap-south-1", "dc1")
    assert {member.location for member in FLEET} == set(Location)
    assert sum(map(agents_in, REGIONS)) == len(FLEET)
    assert len({member.host for member in FLEET}) == len(FLEET)
    assert {member.location for member in FLEET if member.region != "dc1"} == {Location.EXTERNAL}


@pytest.mark.parametrize("member", FLEET, ids=lambda member: member.host)
def test_each_agent_s_configuration_loads(member: object, tmp_path: Path) -> None:
    assert isinstance(member, type(FLEET[0]))
    served = service_endpoints(PORTS, make_certificates(tmp_path).ca)
    settings = loads(Settings, agent_config(member, WIRING, served), {})
    assert settings.agent.host == member.host
    assert settings.broker.password is not None
    assert settings.broker.password.reveal() == "pass${word}"
    endpoints = settings.services["ingest"]  # type: ignore[index]
    assert [key.protocol for key in endpoints] == list(Protocol)


def test_the_aggregator_s_configuration_loads(tmp_path: Path) -> None:
    settings = loads(AggregatorSettings, aggregator_config(WIRING, tmp_path), {})
    assert str(settings.web.listen) == "127.0.0.1:8080"
    assert settings.services["ingest"].acceptable_loss == 0.001
    assert len(settings.notify) == 1
    assert settings.incidents.status_page == tmp_path / STATUS_PAGE


def test_the_status_page_s_configuration_loads(tmp_path: Path) -> None:
    settings = loads(StatusPageSettings, status_page_config(WIRING, tmp_path), {})
    assert str(settings.listen) == "127.0.0.1:8081"
    shown = settings.plan().components.shown
    assert sorted(protocol for each in shown for protocol in each.protocols) == sorted(Protocol)
    aggregator = loads(AggregatorSettings, aggregator_config(WIRING, tmp_path), {})
    assert settings.store == aggregator.store
    assert settings.fleet == aggregator.fleet


def test_certificates_are_servable_and_private(tmp_path: Path) -> None:
    files = make_certificates(tmp_path)
    server_context(TlsServerSettings(certificate_file=files.certificate, private_key_file=files.key))
    assert files.key.stat().st_mode & 0o077 == 0
    assert SERVER_NAME.endswith(".example")
