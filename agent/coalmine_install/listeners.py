"""On which addresses a service will listen, and who sits there already."""

from __future__ import annotations

import errno
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from coalmine_install.refusal import Code, RefusalError
from coalmine_install.sockets import listening, owner
from coalmine_runtime.settings import Address, load


class Listener(NamedTuple):
    """`key` of the configuration, the address, and whether it is a datagram socket."""

    key: str
    address: Address
    datagrams: bool = False


def listeners(role: str, config: Path, env: Mapping[str, str]) -> list[Listener]:
    """Those of a configuration. Raises `ConfigError`."""
    if role == "agent":
        from coalmine_agent.settings import Settings

        metrics = load(Settings, config, env).metrics
        return [Listener("metrics", metrics.listen)] if metrics else []
    if role == "status-page":
        from coalmine_aggregator.status_settings import StatusPageSettings

        return [Listener("listen", load(StatusPageSettings, config, env).listen)]
    from coalmine_aggregator.settings import AggregatorSettings

    settings = load(AggregatorSettings, config, env)
    addresses = {f"receive.{key}": each for key, each in settings.receive.listeners().items()}
    if settings.broker.url is None:
        addresses["broker.listen"] = settings.broker.embedded
    addresses["web.listen"] = settings.web.listen
    if settings.metrics:
        addresses["metrics"] = settings.metrics.listen
    return [Listener(key, each, key == "receive.udp") for key, each in addresses.items()]


def check_free(listeners: list[Listener]) -> None:
    """Raises `RefusalError` that names every address which another process has."""
    taken = []
    for listener in listeners:
        problem = _taken(listener)
        if problem:
            taken.append(f"{listener.key}: {listener.address} is taken{problem}")
    if taken:
        raise RefusalError(Code.PORT, "\n".join(taken))


def _taken(listener: Listener) -> str:
    """By whom, to be put after "is taken"; empty where it is free."""
    host, port = listener.address.host or "0.0.0.0", listener.address.port  # noqa: S104
    kind = socket.SOCK_DGRAM if listener.datagrams else socket.SOCK_STREAM
    try:
        found = socket.getaddrinfo(host, port, type=kind, flags=socket.AI_PASSIVE)
        family, _, _, _, where = found[0]
        with socket.socket(family, kind) as probe:
            if not listener.datagrams:  # as the services do it: what only lingers is no hindrance
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(where)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            return ""  # no address of this machine: the service says so better
        protocol = "udp" if listener.datagrams else "tcp"
        for each in listening():
            if (each.protocol, each.port) == (protocol, port) and (who := owner(each.inode)):
                return f" by {who}"
        return " by another process"
    return ""
