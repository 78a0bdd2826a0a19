"""The simulated fleet: hosts, nodes, endpoints, phases, and what a `where` matches."""

from __future__ import annotations

import numpy as np

from coalmine_aggregator.replay.effects import Where
from coalmine_aggregator.replay.fleet import SimulatedFleet
from coalmine_aggregator.replay.reading import parse_scenario
from coalmine_wire.series import Location, parse_name
from coalmine_wire.slots import phases_ms

TEXT = """
name: fleet
duration: 10
fleet:
  services:
    ingest: {protocols: [tcp, tcp-ipv6, https], direct_from: [internal]}
    render: {protocols: [https]}
  agents:
    - {location: external, region: us, zone: a, count: 2}
    - {location: internal, region: dc, zone: b, count: 1}
    - {location: external, region: eu, zone: a, count: 1}
    - {location: on-machine, region: dc, zone: b, count: 2}
"""


def fleet() -> SimulatedFleet:
    return parse_scenario(TEXT).fleet


def test_hosts_are_numbered_on_over_the_rows_of_a_zone() -> None:
    assert [place.host for place in fleet().places] == ["a-1", "a-2", "b-1", "a-3", "b-2", "b-3"]


def test_names_are_those_that_receivers_know() -> None:
    simulated = fleet()
    assert simulated.size == len(simulated.names) == 5 * 4 + 4 + 2 * 2
    for name, phase_s, agent in zip(
        simulated.names, simulated.phase_s, simulated.agent_of, strict=True
    ):
        series = parse_name(name.decode())
        assert series.host == simulated.places[agent].host
        assert 0 <= phase_s < 1
    for birth in simulated.births:
        assert [endpoint.phase_ms for endpoint in birth.endpoints] == phases_ms(
            birth.host, len(birth.endpoints)
        )


def test_direct_endpoints_lead_to_every_on_machine_host_by_every_protocol() -> None:
    series = [parse_name(name.decode()) for name in fleet().names]
    direct = {
        (each.host, each.protocol, each.node) for each in series if each.variant.startswith("node_")
    }
    assert direct == {
        ("b-1", protocol, node) for protocol in ("tcp", "https") for node in ("b-2", "b-3")
    }
    own = {(each.host, each.node) for each in series if each.location is Location.ON_MACHINE}
    assert own == {("b-2", "b-2"), ("b-3", "b-3")}


def hosts(simulated: SimulatedFleet, where: Where) -> set[str]:
    matching = simulated.matching(where)
    return {simulated.places[agent].host for agent in simulated.agent_of[matching]}


def test_where_matches_labels_all_of_them_by_any_value() -> None:
    simulated = fleet()
    assert simulated.matching(Where()).all()
    assert hosts(simulated, Where(zone=["a"])) == {"a-1", "a-2", "a-3"}
    assert hosts(simulated, Where(zone=["a"], region=["eu", "dc"])) == {"a-3"}
    assert hosts(simulated, Where(node=["b-2"])) == {"b-1", "b-2"}
    assert hosts(simulated, Where(node=["b-2"], location=["internal"])) == {"b-1"}
    assert simulated.matching(Where(service=["render"])).sum() == 6
    assert simulated.matching(Where(variant=["ipv6"])).sum() == 6
    assert not simulated.matching(Where(zone=["a"], node=["b-2"])).any()


def test_an_agent_matches_by_its_own_place_and_what_it_sends() -> None:
    simulated = fleet()

    def agents(where: Where) -> set[str]:
        return {simulated.places[at].host for at in np.flatnonzero(simulated.agents_matching(where))}

    assert agents(Where(node=["b-2"])) == {"b-2"}, "who probes a node does not stand on it"
    assert agents(Where(host=["a-1", "b-3"])) == {"a-1", "b-3"}
    assert agents(Where(variant=["node_b-2"])) == {"b-1"}
    assert agents(Where(protocol=["tcp"], region=["us"])) == {"a-1", "a-2"}
    assert agents(Where()) == {place.host for place in simulated.places}


def test_what_is_expected_of_each_leaf_adds_up() -> None:
    simulated = fleet()
    by_leaf = simulated.expected_by_leaf()
    assert sum(by_leaf.values()) == simulated.size
    assert by_leaf["ingest", "tcp", "", "external", "us", "a"] == 2
    assert by_leaf["ingest", "tcp", "node_b-2", "internal", "dc", "b"] == 1
