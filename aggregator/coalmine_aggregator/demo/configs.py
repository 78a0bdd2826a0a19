"""The configuration files of the demo: what an operator would write, filled in. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import yaml

from coalmine_aggregator.demo.certificates import SERVER_NAME
from coalmine_aggregator.demo.fleet import SERVICE, Member
from coalmine_aggregator.demo.intake import SINK_PATH
from coalmine_wire.protocols import Protocol

FLEET_NAME = "demo"
OWNER = "ingest-oncall"
PLAYBOOK = "https://wiki.example/playbooks/ingest"
PLAYBOOKS = [
    {
        "classes": ["loss"],
        "labels": {"protocol": "udp"},
        "url": f"{PLAYBOOK}#udp-loss",
        "steps": ["check the UDP decoder", "drain or restart it"],
    },
    {
        "classes": ["loss"],
        "url": f"{PLAYBOOK}#loss",
        "steps": ["ask who deployed what since then", "drain or restart what the scope names"],
    },
]

NAMES = {
    Protocol.TCP: "TCP ingestion",
    Protocol.UDP: "UDP ingestion",
    Protocol.TLS: "TLS ingestion",
    Protocol.PICKLE: "Pickle ingestion",
    Protocol.PICKLE_TLS: "Pickle ingestion over TLS",
    Protocol.HTTPS: "HTTPS ingestion",
}
"""The components of the status page."""

STATUS_PAGE = "status-page.yaml"
RESOLVE_AFTER = "10s"
"""Much shorter than in earnest: what is repaired is resolved while somebody looks."""

_HOST = "127.0.0.1"


class Wiring(NamedTuple):
    """The ports and secrets that hold the demo together; there is no status page without its port."""

    web_port: int
    broker_port: int
    receive_port: int
    broker_password: str
    pager_url: str
    pager_secret: str
    status_port: int = 0


def aggregator_config(
    wiring: Wiring, folder: Path, remediation: Mapping[str, object] | None = None
) -> str:
    """The aggregator's YAML, with its section `remediation` where there is one; its database is in
    `folder`."""
    incidents: dict[str, object] = {"resolve_after": RESOLVE_AFTER}
    if wiring.status_port:
        incidents["status_page"] = str(folder / STATUS_PAGE)
    more = {} if remediation is None else {"remediation": dict(remediation)}
    return _yaml(
        {
            "fleet": FLEET_NAME,
            "services": {
                SERVICE: {
                    "acceptable_loss": "0.1%",
                    "owner": OWNER,
                    "playbook": PLAYBOOK,
                    "playbooks": PLAYBOOKS,
                }
            },
            "own": {"owner": OWNER, "playbook": PLAYBOOK},
            "receive": {"tcp": f"{_HOST}:{wiring.receive_port}"},
            "broker": {
                "listen": f"{_HOST}:{wiring.broker_port}",
                "password": wiring.broker_password,
            },
            "notify": [{"webhook": {"url": wiring.pager_url, "secret": wiring.pager_secret}}],
            "incidents": incidents,
            "store": _store(folder),
            "web": {
                "listen": f"{_HOST}:{wiring.web_port}",
                "url": f"http://{_HOST}:{wiring.web_port}",
            },
            **more,
        }
    )


def status_page_config(wiring: Wiring, folder: Path) -> str:
    """The status page's YAML: the service's protocols under names for customers."""
    return _yaml(
        {
            "fleet": FLEET_NAME,
            "store": _store(folder),
            "listen": f"{_HOST}:{wiring.status_port}",
            "page": {"name": "Demo", "description": "Ingestion of metrics, measured each second."},
            "components": [
                {
                    "id": str(protocol).replace("_", "-"),
                    "name": name,
                    "service": SERVICE,
                    "protocols": [str(protocol)],
                }
                for protocol, name in NAMES.items()
            ],
            # Shorter than in earnest, so that all of it is seen within a minute.
            "state": {"window": "10s", "worse_after": "3s", "better_after": "10s"},
        }
    )


def service_endpoints(ports: Mapping[Protocol, int], ca: Path) -> dict[str, object]:
    """Every protocol of the service, at `ports`, as agents' configurations name them."""
    verified = {"ca_file": str(ca), "server_name": SERVER_NAME}
    endpoints: dict[str, object] = {}
    for protocol, port in ports.items():
        address = f"{_HOST}:{port}"
        if protocol is Protocol.HTTPS:
            endpoints[str(protocol)] = {"url": f"https://{address}{SINK_PATH}", **verified}
        elif protocol.over_tls:
            endpoints[str(protocol)] = {"address": address, **verified}
        else:
            endpoints[str(protocol)] = address
    return endpoints


def agent_config(
    member: Member,
    wiring: Wiring,
    endpoints: Mapping[str, object],
    health: Mapping[str, object] | None = None,
) -> str:
    """One agent's YAML, with its section `health` where there is one."""
    more = {} if health is None else {"health": dict(health)}
    return _yaml(
        {
            "agent": {
                "location": str(member.location),
                "region": member.region,
                "zone": member.zone,
                "host": member.host,
            },
            "broker": {
                "url": f"mqtt://{_HOST}:{wiring.broker_port}",
                "fleet": FLEET_NAME,
                "password": wiring.broker_password,
            },
            "services": {SERVICE: dict(endpoints)},
            **more,
        }
    )


def _store(folder: Path) -> str:
    return f"sqlite:///{folder / 'history.db'}"


def _yaml(tree: dict[str, object]) -> str:
    # A dollar sign would be read as the start of a variable.
    return yaml.safe_dump(tree, sort_keys=False).replace("$", "$$")
