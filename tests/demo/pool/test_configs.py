"""The game day's configurations are what the two programs take."""

from __future__ import annotations

from pathlib import Path

import pytest

from coalmine_agent.settings import Settings
from coalmine_aggregator.demo.configs import Wiring, agent_config, aggregator_config
from coalmine_aggregator.demo.fleet import SERVICE, Member
from coalmine_aggregator.demo.pool import configs
from coalmine_aggregator.demo.pool.layout import DIRECT, NAMES, NODES, OUTSIDE, SIZE, NodePorts
from coalmine_aggregator.settings import AggregatorSettings
from coalmine_runtime.settings import loads

WIRING = Wiring(8080, 1883, 2003, "secret", "http://127.0.0.1:9/page", f"whsec_{'a' * 32}")
PORTS = {name: NodePorts(20_000 + number, 21_000 + number) for number, name in enumerate(NAMES)}


def endpoints_of(member: Member) -> dict[str, object]:
    if member in NODES:
        return configs.own_endpoints(PORTS[member.host])
    return configs.direct_endpoints(PORTS) if member in DIRECT else configs.balanced_endpoints(2100)


def test_the_aggregator_acts_for_the_service(tmp_path: Path) -> None:
    text = aggregator_config(WIRING, tmp_path, configs.REMEDIATION)
    remediation = loads(AggregatorSettings, text, {}).remediation
    assert list(remediation.policies()) == [SERVICE]
    assert not remediation.policies()[SERVICE].dry_run
    assert remediation.outputs.nodes is not None


@pytest.mark.parametrize("member", [*NODES, *DIRECT, *OUTSIDE], ids=lambda member: member.host)
def test_each_agent_s_configuration_loads(member: Member) -> None:
    health = configs.health(PORTS[member.host]) if member in NODES else None
    settings = loads(Settings, agent_config(member, WIRING, endpoints_of(member), health), {})
    assert (settings.health is not None) == (member in NODES)


def test_the_size_is_what_all_of_them_send() -> None:
    assert sum(len(endpoints_of(member)) for member in (*NODES, *DIRECT, *OUTSIDE)) == SIZE
