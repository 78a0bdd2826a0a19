"""HAProxy in front of a service: it ends TLS and passes the plain bytes on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from coalmine_aggregator.demo.ports import free_port
from tests.servers.process import Process, executable


class HAProxy(Process):
    """One TLS port for each name in `backends` (name -> host:port of the plain server behind it).

    `certificate` is a PEM file with key and chain. The ports are in `ports`, by name.
    """

    def __init__(
        self, folder: Path, *, certificate: Path, backends: Mapping[str, str], host: str = "127.0.0.1"
    ) -> None:
        self.host = host
        self.ports = {name: free_port() for name in backends}
        folder.mkdir(parents=True, exist_ok=True)
        config = [
            "global",
            "    log stderr format raw local0 notice",
            "    maxconn 4000",
            "defaults",
            "    mode tcp",
            "    log global",
            "    timeout connect 1s",
            "    timeout client 30s",
            "    timeout server 30s",
            "    option dontlognull",
        ]
        for name, address in backends.items():
            config += [
                f"listen {name}",
                f"    bind {host}:{self.ports[name]} ssl crt {certificate}",
                f"    server behind {address}",
            ]
        path = folder / "haproxy.cfg"
        path.write_text("\n".join(config) + "\n")
        argv = [executable("haproxy", "haproxy"), "-f", str(path), "-db"]
        super().__init__(argv, log=folder / "haproxy.log")

    async def start(self) -> None:
        """Started, and listening."""
        await super().start()
        for port in self.ports.values():
            await self.until_listening(port, self.host)
