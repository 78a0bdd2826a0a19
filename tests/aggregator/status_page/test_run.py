"""The whole process: what it tells systemd, that it exports on its own, and that it ends when told."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import yaml

from coalmine_aggregator.store.database import open_engine
from tests.e2e.fleet import command
from tests.servers.process import Process
from tests.servers.waiting import until

DEADLINE_S = 30.0


class Supervisor:
    """Where systemd listens."""

    def __init__(self, folder: Path) -> None:
        self.address = str(folder / "notify")
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(self.address)
        self._socket.setblocking(False)
        self.told: list[str] = []

    async def until_told(self, what: str) -> None:
        async def is_told() -> bool:
            while True:
                try:
                    self.told += self._socket.recv(4_096).decode().split("\n")
                except BlockingIOError:
                    return what in self.told

        await until(is_told, deadline_s=DEADLINE_S, what=f"systemd is told {what}; told {self.told}")

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
async def supervisor(tmp_path: Path) -> AsyncIterator[Supervisor]:
    supervisor = Supervisor(tmp_path)
    yield supervisor
    supervisor.close()


def page(folder: Path, supervisor: Supervisor) -> Process:
    """One that exports; its store is not there yet."""
    config = folder / "status-page.yaml"
    config.write_text(
        yaml.safe_dump(
            {
                "store": f"sqlite:///{folder}/h.db",
                "listen": "127.0.0.1:0",
                "page": {"name": "Example"},
                "components": [{"id": "udp", "name": "UDP", "service": "ingest"}],
                "export": {"to": str(folder / "site"), "every": "10s"},
            }
        )
    )
    env = {"NOTIFY_SOCKET": supervisor.address, "WATCHDOG_USEC": "300000"}
    argv = [command(), "status-page", "run", str(config)]
    return Process(argv, log=folder / "status-page.log", env=env)


async def test_it_stands_before_its_store_and_exports_once_there_is_one(
    tmp_path: Path, supervisor: Supervisor
) -> None:
    process = page(tmp_path, supervisor)
    await process.start()
    await supervisor.until_told("READY=1")
    await supervisor.until_told(f"STATUS=store: {tmp_path}/h.db: no such file")
    await supervisor.until_told("WATCHDOG=1")
    await asyncio.to_thread(lambda: open_engine(f"sqlite:///{tmp_path}/h.db").dispose())
    await supervisor.until_told("STATUS=shows the newest state")

    async def is_exported() -> bool:
        return os.path.exists(tmp_path / "site" / "index.html")  # noqa: PTH110, ASYNC240

    await until(is_exported, deadline_s=DEADLINE_S, what="a copy is written", explain=process.tail)
    assert await process.stop(signal.SIGTERM, 5.0) == 0, process.tail()
    await supervisor.until_told("STOPPING=1")


async def test_a_store_that_hangs_does_not_keep_it_from_ending(
    tmp_path: Path, supervisor: Supervisor
) -> None:
    os.mkfifo(tmp_path / "h.db")  # whoever opens it waits for a writer
    process = page(tmp_path, supervisor)
    await process.start()
    await supervisor.until_told("READY=1")
    await supervisor.until_told("WATCHDOG=1")
    assert await process.stop(signal.SIGTERM, 5.0) == 0, process.tail()
