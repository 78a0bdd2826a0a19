"""The game day's pool: its nodes, and who looks at them from where. Pure."""

from __future__ import annotations

from typing import NamedTuple

from coalmine_aggregator.demo.fleet import Member
from coalmine_wire.protocols import Protocol
from coalmine_wire.series import Location

_ZONES = ("dc1-a", "dc1-b")

NODES = tuple(
    Member(f"ingest{number:02}", Location.ON_MACHINE, "dc1", _ZONES[number % 2])
    for number in range(1, 5)
)
"""The machines of the service, each with an agent of its own."""

NAMES = tuple(node.host for node in NODES)

DIRECT = tuple(
    Member(f"canary-dc1-{letter}", Location.INTERNAL, "dc1", zone)
    for letter, zone in zip("ab", _ZONES, strict=True)
)
"""Those who reach each node past the balancer."""

OUTSIDE = (
    Member("canary-eu", Location.EXTERNAL, "eu-west-1", "eu-west-1a"),
    Member("canary-us", Location.EXTERNAL, "us-east-1", "us-east-1a"),
)
"""Those who see the service as customers do."""

PROTOCOLS = (Protocol.TCP, Protocol.UDP)

SIZE = len(PROTOCOLS) * (len(NODES) * (1 + len(DIRECT)) + len(OUTSIDE))
"""Datapoints a second of all agents."""


class NodePorts(NamedTuple):
    """Where one node listens on loopback: `lines` by TCP and UDP, and its agent's `check`."""

    lines: int
    check: int
