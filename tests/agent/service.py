"""The agent as its operators run it: the command, a configuration file, signals."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import h11
import yaml

from coalmine_aggregator.demo.ports import free_port
from tests.servers.process import Process


def configuration(broker_port: int, **sections: Any) -> dict[str, Any]:
    """A complete configuration with one endpoint that nobody listens at; sections replace its own."""
    return {
        "agent": {"location": "external", "region": "r", "zone": "z", "host": "h", "id": "a1"},
        "broker": {"url": f"mqtt://127.0.0.1:{broker_port}", "fleet": "test"},
        "services": {"s": {"tcp": "127.0.0.1:1"}},
        **sections,
    }


class AgentService(Process):
    """`coalmine agent run` on a file that `write` fills."""

    def __init__(self, folder: Path, config: dict[str, Any], env: dict[str, str] | None = None) -> None:
        self.file = folder / "agent.yaml"
        self.metrics_port = free_port()
        self.write(config)
        argv = [sys.executable, "-m", "coalmine_cli.main", "agent", "run", str(self.file)]
        super().__init__(argv, log=folder / "agent.log", env=env)

    def write(self, config: dict[str, Any]) -> None:
        """Replaces the file; the agent reads it at its start and on SIGHUP."""
        config = {"metrics": f"127.0.0.1:{self.metrics_port}", **config}
        self.file.write_text(yaml.safe_dump(config))

    async def health(self) -> dict[str, Any]:
        """The body of `/health`."""
        status, body = await self.get("/health")
        assert status in (200, 503)
        answer: dict[str, Any] = json.loads(body)
        return answer

    async def get(self, path: str, method: str = "GET") -> tuple[int, bytes]:
        """Status and body of a request to its listener."""
        return await get(self.metrics_port, path, method)


async def get(port: int, path: str, method: str = "GET") -> tuple[int, bytes]:
    """Status and body of an HTTP request to 127.0.0.1."""
    import asyncio

    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    http = h11.Connection(h11.CLIENT)
    request = h11.Request(method=method, target=path, headers=[("host", "x"), ("connection", "close")])
    writer.write((http.send(request) or b"") + (http.send(h11.EndOfMessage()) or b""))
    status, body = 0, b""
    while True:
        event = http.next_event()
        if event is h11.NEED_DATA:
            http.receive_data(await reader.read(4096))
        elif isinstance(event, h11.Response):
            status = event.status_code
        elif isinstance(event, h11.Data):
            body += event.data
        elif isinstance(event, h11.EndOfMessage | h11.ConnectionClosed):
            break
    writer.close()
    await writer.wait_closed()
    return status, body
