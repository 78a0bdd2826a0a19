"""HAProxy as a load balancer whose servers an agent-check takes out and puts back."""

from __future__ import annotations

import asyncio
import csv
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from coalmine_aggregator.demo.ports import free_port
from tests.servers.process import Process, executable
from tests.servers.waiting import until

HEAD = """\
global
    log stderr format raw local0 notice
    maxconn 4000
    stats socket {socket} mode 600 level admin
defaults
    mode tcp
    log global
    timeout connect 1s
    timeout client 10s
    timeout server 10s
    timeout check 1s
    balance roundrobin
    option dontlognull
"""


class Server(NamedTuple):
    """How a server stands in its backend, as `show stat` says: `UP`, `DRAIN (agent)`, `DOWN (agent)`,
    `no check` before the first; `weight` is the one in force."""

    status: str
    weight: int

    @property
    def out(self) -> bool:
        """It gets no new connection."""
        return self.weight == 0 or not self.status.startswith(("UP", "no check"))


class Balancer(Process):
    """One port for each name in `backends`: name -> server name -> host:port. `check` gives what stands
    behind each server's address: `agent-check ...`; `asks` are lines of every backend, `beside` is a
    proxy of its own."""

    def __init__(
        self,
        folder: Path,
        *,
        backends: Mapping[str, Mapping[str, str]],
        check: Callable[[str], str],
        asks: Sequence[str] = (),
        beside: str = "",
        host: str = "127.0.0.1",
    ) -> None:
        self.host = host
        self.ports = {name: free_port() for name in backends}
        self._socket = folder / "haproxy.sock"
        folder.mkdir(parents=True, exist_ok=True)
        config = [HEAD.format(socket=self._socket)]
        for name, servers in backends.items():
            config += [f"listen {name}", f"    bind {host}:{self.ports[name]}"]
            config += [f"    {line}" for line in asks]
            config += [
                f"    server {server} {address} {check(server)}" for server, address in servers.items()
            ]
        self._backends = tuple(backends)
        config.append(beside)
        path = folder / "haproxy.cfg"
        path.write_text("\n".join(config) + "\n")
        argv = [executable("haproxy", "haproxy"), "-f", str(path), "-db"]
        super().__init__(argv, log=folder / "haproxy.log")

    async def start(self) -> None:
        """Started, and listening."""
        await super().start()
        for port in self.ports.values():
            await self.until_listening(port, self.host)

    async def command(self, text: str) -> str:
        """What its admin socket answers, without white space around it."""
        reader, writer = await asyncio.open_unix_connection(self._socket)
        writer.write(text.encode() + b"\n")
        answer = (await reader.read()).decode()
        writer.close()
        return answer.strip()

    async def servers(self) -> dict[str, dict[str, Server]]:
        """By backend and server."""
        text = await self.command("show stat")
        found: dict[str, dict[str, Server]] = {}
        for row in csv.DictReader(text.removeprefix("# ").splitlines()):
            if row["pxname"] in self._backends and row["svname"] not in ("FRONTEND", "BACKEND"):
                server = Server(row["status"], int(row["weight"]))
                found.setdefault(row["pxname"], {})[row["svname"]] = server
        return found

    async def out(self) -> set[str]:
        """The servers that get no new connection from one backend at least."""
        backends = await self.servers()
        return {name for servers in backends.values() for name, each in servers.items() if each.out}

    async def until_status(self, backend: str, server: str, status: str, deadline_s: float) -> None:
        """Waits until a server has a status."""

        async def so() -> bool:
            return (await self.servers())[backend][server].status == status

        what = f"{server} is {status}"
        await until(so, deadline_s=deadline_s, what=what, explain=self.tail)

    async def until_out(self, names: Sequence[str], deadline_s: float) -> None:
        """Waits until these get no new connection from any backend, and all others do from each."""

        async def so() -> bool:
            backends = (await self.servers()).values()
            return all(
                {name for name, each in servers.items() if each.out} == set(names)
                for servers in backends
            )

        what = f"out of the balancer: {', '.join(names) or 'nobody'}"
        await until(so, deadline_s=deadline_s, what=what, explain=self.tail)
