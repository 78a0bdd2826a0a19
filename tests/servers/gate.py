"""HAProxy's health check through the gate, as the documentation has it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from coalmine_aggregator.demo.ports import free_port

PAGE = Path(__file__).parents[2] / "docs" / "remediation" / "haproxy.md"

_PORT = "9998"
_ABOVE = ("balance", "timeout")  # a backend's own affair, which a `Balancer` has anyway


class Gate(NamedTuple):
    """What a `Balancer` takes."""

    asks: list[str]
    check: Callable[[str], str]
    beside: str


def documented_gate(service: str, agents: Mapping[str, str]) -> Gate:
    """For these agents, server name -> host:port of its `health.listen`."""
    (block,) = re.findall(
        r"^```haproxy\n(backend [^`]*listen coalmine[^`]*)```", PAGE.read_text(), re.MULTILINE
    )
    block = block.replace("/health/ingest", f"/health/{service}").replace(_PORT, str(free_port()))
    backend, beside = block.split("\nlisten coalmine\n")
    lines = [line.strip() for line in backend.splitlines() if line.startswith("    ")]
    asks = [line for line in lines if not line.startswith(("server", *_ABOVE))]
    (server,) = [line for line in lines if line.startswith("server")]
    check = server.split(" ", 3)[3]
    proxy = [line for line in beside.splitlines() if not line.strip().startswith("server ")]
    proxy += [f"    server {name} {address}" for name, address in agents.items()]
    return Gate(asks, lambda _: check, "\n".join(["listen coalmine", *proxy]))
