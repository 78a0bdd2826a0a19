"""What the pool's agents and its aggregator are told. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from coalmine_aggregator.demo.fleet import SERVICE
from coalmine_aggregator.demo.pool.layout import PROTOCOLS, NodePorts
from coalmine_aggregator.demo.ports import HOST

LEASE_S = 10

REMEDIATION: Mapping[str, object] = {
    "services": [SERVICE],
    "dry_run": False,
    "floor": 2,
    # Shorter than in earnest, so that all of it is seen within two minutes.
    "per_minute": 10,
    "recovery": "5s",
    "hold": "5s",
    "drain": "2s",
    "lease": f"{LEASE_S}s",
    "outputs": {"nodes": {}},
}
"""The aggregator's section: one of the four nodes may be out."""


def own_endpoints(ports: NodePorts) -> dict[str, object]:
    """What a node's own agent probes."""
    return _endpoints(ports.lines)


def health(ports: NodePorts) -> dict[str, object]:
    """How a node's agent answers the balancer."""
    return {"agent_check": f"{HOST}:{ports.check}"}


def direct_endpoints(nodes: Mapping[str, NodePorts]) -> dict[str, object]:
    """What an agent probes that reaches each node past the balancer."""
    endpoints: dict[str, object] = {}
    for name, ports in nodes.items():
        endpoints |= _endpoints(ports.lines, f"-node_{name}")
    return endpoints


def balanced_endpoints(port: int) -> dict[str, object]:
    """What an agent probes that comes through the balancer at `port`."""
    return _endpoints(port)


def _endpoints(port: int, variant: str = "") -> dict[str, object]:
    return {f"{protocol}{variant}": f"{HOST}:{port}" for protocol in PROTOCOLS}
