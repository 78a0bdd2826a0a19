"""The order of vantages, and what series say of hosts and nodes."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from coalmine_aggregator.ledger.series import AllSeries
from coalmine_aggregator.remediate.vantages import Vantages, vantages_of, where_were
from coalmine_wire.protocols import Protocol
from coalmine_wire.series import Location, Series, make_series
from tests.aggregator.remediate.watched import series_of


def of(made: list[Series]) -> Vantages:
    series = AllSeries()
    return vantages_of(series, np.array([series.add(each, control=False) for each in made]))


def made(protocol: Protocol, variant: str, location: Location, host: str, zone: str = "z1") -> Series:
    return make_series(
        service="ingest",
        protocol=protocol,
        variant=variant,
        location=location,
        region="r1",
        zone=zone,
        host=host,
    )


def test_nodes_then_vantages_then_endpoints_stand_by_name_with_a_nodes_own_first() -> None:
    them = of(
        [
            made(Protocol.UDP, "node_b", Location.INTERNAL, "x"),
            made(Protocol.TCP, "node_a", Location.ON_MACHINE, "b"),
            made(Protocol.UDP, "ipv6", Location.ON_MACHINE, "b"),
            made(Protocol.TCP, "", Location.ON_MACHINE, "b", "z2"),
            made(Protocol.TCP, "node_b", Location.INTERNAL, "a"),
        ]
    )
    assert them.nodes == ("a", "b")
    assert them.hosts == ("b", "b", "a", "x")
    assert them.own.tolist() == [False, True, False, False]
    assert them.endpoints.tolist() == ["tcp", "tcp", "udp-ipv6", "tcp", "udp"]
    assert them.first_series.tolist() == [0, 1, 3, 4]
    assert them.vantage_of.tolist() == [0, 1, 1, 2, 3]
    assert them.first_vantage.tolist() == [0, 1]
    assert them.node_of.tolist() == [0, 1, 1, 1]


def test_a_node_stands_where_its_own_agent_does_if_that_is_one_place() -> None:
    them = of([each for each in series_of(["n1", "n2"], zones={"n2": "z9"}) if each.node])
    assert (them.regions, them.zones) == (("dc1", "dc1"), ("dc1-a", "z9"))
    assert them.shared.tolist() == [False, False]


def test_nothing_is_known_of_where_a_node_without_an_agent_stands() -> None:
    them = of([each for each in series_of(["n1"], own=False) if each.node])
    assert (them.regions, them.zones, them.own.tolist()) == (("",), ("",), [False, False])


def test_agents_in_two_places_share_a_name() -> None:
    here = made(Protocol.TCP, "", Location.ON_MACHINE, "n1", "z1")
    there = made(Protocol.TCP, "", Location.ON_MACHINE, "n1", "z2")
    them = of([here, there])
    assert (them.shared.tolist(), them.zones, them.hosts) == ([True], ("",), ("n1",))


# Invariant: the place of everything that is in both, -1 for what is new.
@given(st.lists(st.integers(0, 50), unique=True), st.lists(st.integers(0, 50), unique=True))
def test_where_things_were(old: list[int], new: list[int]) -> None:
    found = where_were(np.array(old, dtype=np.int64), np.array(new, dtype=np.int64))
    assert found.tolist() == [old.index(each) if each in old else -1 for each in new]
