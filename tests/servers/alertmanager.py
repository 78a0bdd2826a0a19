"""Alertmanager, as one peer or several; asked through its API and through amtool."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from coalmine_aggregator.demo.ports import free_port
from tests.servers.process import Process, executable
from tests.servers.waiting import until

PACKAGE = "prometheus-alertmanager"

_CONFIG = """
route:
  receiver: {receiver}
  group_by: [fleet, service, class, ordinal]
  group_wait: 0s
  group_interval: 1s
  repeat_interval: 1h
receivers:
  - name: nobody
  - name: hook
    webhook_configs:
      - {{url: "{hook}", send_resolved: true}}
"""


class Alertmanager(Process):
    """One peer on 127.0.0.1:`port`.

    What it notifies goes to `hook`, a URL, if given. `peers` are the cluster ports of others
    (`cluster_port` of each), with which it gossips.
    """

    def __init__(
        self, folder: Path, *, hook: str = "", port: int = 0, peers: Sequence[int] | None = None
    ) -> None:
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.cluster_port = free_port()
        folder.mkdir(parents=True, exist_ok=True)
        config = folder / "alertmanager.yml"
        config.write_text(
            _CONFIG.format(receiver="hook" if hook else "nobody", hook=hook or "http://127.0.0.1:9/")
        )
        cluster = f"127.0.0.1:{self.cluster_port}" if peers is not None else ""
        argv = [
            executable(PACKAGE, PACKAGE),
            f"--config.file={config}",
            f"--storage.path={folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{self.port}",
            f"--cluster.listen-address={cluster}",
            *(f"--cluster.peer=127.0.0.1:{peer}" for peer in peers or ()),
        ]
        super().__init__(argv, log=folder / "alertmanager.log")

    async def start(self) -> None:
        """Started, and ready to take alerts."""
        await super().start()
        await self.until_listening(self.port)

    async def alerts(self) -> list[dict[str, Any]]:
        """The alerts that amtool shows as firing."""
        process = await asyncio.create_subprocess_exec(
            executable("amtool", PACKAGE),
            f"--alertmanager.url={self.url}",
            "--output=json",
            *("alert", "query"),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        output, errors = await process.communicate()
        if process.returncode != 0:
            raise AssertionError(f"amtool: {errors.decode()}\n{self.tail()}")
        found: list[dict[str, Any]] = json.loads(output)
        return found

    async def until_firing(self, deadline_s: float = 10.0) -> dict[str, Any]:
        """The one alert that fires, as soon as there is one."""
        firing = await until(
            self.alerts, deadline_s=deadline_s, what="Alertmanager has an alert", explain=self.tail
        )
        assert len(firing) == 1, firing
        return firing[0]

    async def until_quiet(self, deadline_s: float = 10.0) -> None:
        """Waits until no alert fires."""

        async def none() -> bool:
            return not await self.alerts()

        await until(none, deadline_s=deadline_s, what="no alert fires", explain=self.tail)
