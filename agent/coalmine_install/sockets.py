"""Which sockets of this machine listen, and whose they are, by the tables of the kernel."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_LISTEN = "0A"
_UNCONNECTED = "07"


class Listening(NamedTuple):
    """A socket that hears: `protocol` is `tcp` or `udp`."""

    protocol: str
    address: str
    port: int
    inode: int

    @property
    def reached_at(self) -> str:
        """The address to send to from this machine, as `host:port`."""
        host = ipaddress.ip_address(self.address)
        if host.is_unspecified:
            return f"127.0.0.1:{self.port}"
        return f"[{host}]:{self.port}" if host.version == 6 else f"{host}:{self.port}"


def listening(proc: Path = Path("/proc")) -> list[Listening]:
    """Every one that there is."""
    return [
        found
        for protocol in ("tcp", "udp")
        for name in (protocol, f"{protocol}6")
        for found in _table(protocol, proc / "net" / name)
    ]


def owner(inode: int, proc: Path = Path("/proc")) -> str:
    """`carbon-cache (process 812)`; empty where it cannot be told."""
    for folder in proc.glob("[0-9]*/fd"):
        try:
            held = any(str(entry.readlink()) == f"socket:[{inode}]" for entry in folder.iterdir())
            if held:
                name = (folder.parent / "comm").read_text().strip()
                return f"{name} (process {folder.parent.name})"
        except OSError:  # it ended, or is not ours to look into
            continue
    return ""


def _table(protocol: str, path: Path) -> Iterator[Listening]:
    try:
        lines = path.read_text().splitlines()[1:]
    except OSError:  # no IPv6
        return
    for line in lines:
        fields = line.split()
        if fields[3] != (_LISTEN if protocol == "tcp" else _UNCONNECTED):
            continue
        address, port = fields[1].split(":")
        yield Listening(protocol, _address(address), int(port, 16), int(fields[9]))


def _address(text: str) -> str:
    """The kernel writes words of 32 bits in the machine's own order."""
    words = [bytes.fromhex(text[at : at + 8])[::-1] for at in range(0, len(text), 8)]
    return str(ipaddress.ip_address(b"".join(words)))
