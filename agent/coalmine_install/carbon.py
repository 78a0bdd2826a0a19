"""A carbon on this machine: where it takes datapoints, by what listens and what it is told. Pure."""

from __future__ import annotations

import configparser
from collections.abc import Iterable, Mapping

from coalmine_install.sockets import Listening

CONFIG = "/etc/carbon/carbon.conf"

_DEFAULT_PORTS = {"tcp": 2003, "udp": 2003, "pickle": 2004}
_KEYS = {"tcp": "LINE_RECEIVER", "udp": "UDP_RECEIVER", "pickle": "PICKLE_RECEIVER"}
_SECTIONS = ("relay", "aggregator", "cache")
"""In front stands the relay, where there is one."""


def endpoints(config: str | None, sockets: Iterable[Listening]) -> dict[str, str]:
    """`host:port` by protocol (`tcp`, `udp`, `pickle`); empty where there is no carbon.

    What listens counts. `config` is the text of `carbon.conf`: it says on which ports to look, and is
    believed where nothing listens, as on a host whose carbon is not started yet.
    """
    by_place: dict[tuple[str, int], Listening] = {}
    for socket in sockets:
        by_place.setdefault((socket.protocol, socket.port), socket)
    sections = _sections(config)
    for ports in [*sections, _DEFAULT_PORTS]:
        heard = {
            protocol: by_place[place].reached_at
            for protocol, port in ports.items()
            if (place := ("udp" if protocol == "udp" else "tcp", port)) in by_place
        }
        if "tcp" in heard:
            return heard
    return {name: f"127.0.0.1:{port}" for name, port in sections[-1].items()} if sections else {}


def _sections(config: str | None) -> list[dict[str, int]]:
    """The ports by protocol, for each section that says any."""
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    try:
        parser.read_string(config or "")
    except configparser.Error:
        return []
    said = (_ports(parser[name]) for name in _SECTIONS if parser.has_section(name))
    return [ports for ports in said if ports]


def _ports(section: Mapping[str, str]) -> dict[str, int]:
    ports: dict[str, int] = {}
    for protocol, key in _KEYS.items():
        text = section.get(f"{key}_PORT", "")
        wanted = protocol != "udp" or section.get("ENABLE_UDP_LISTENER", "").lower() in ("true", "1")
        if wanted and text.isdigit() and 0 < int(text) < 65536:
            ports[protocol] = int(text)
    return ports
