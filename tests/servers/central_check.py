"""The central agent-check in a process of its own, which can be killed: who is out stands in a file.

`python -m tests.servers.central_check PORT FILE` answers by the names of nodes in FILE, as of `ingest`.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from pathlib import Path

from coalmine_aggregator.actuate.haproxy.haproxy_output import HAProxyOutput
from coalmine_aggregator.actuate.haproxy.settings import HAProxySettings
from coalmine_aggregator.demo.ports import free_port
from coalmine_runtime import logs
from coalmine_runtime.quantities import Address
from tests.aggregator.actuate.words import word, words
from tests.servers.process import Process

SHOWN_S = 0.1
LEASE_S = 3.0


class CentralCheck(Process):
    """`out` says who is out; what it says stays over kills."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self._file = folder / "out"
        self.out()
        argv = [sys.executable, "-m", __name__, str(self.port), str(self._file)]
        super().__init__(argv, log=folder / "central.log")

    def out(self, *nodes: str) -> None:
        """These are out from now on."""
        self._file.write_text("\n".join(nodes))

    async def start(self) -> None:
        """Started, and listening."""
        await super().start()
        await self.until_listening(self.port)


async def answer(port: int, file: Path) -> None:
    """Until SIGTERM."""
    output = HAProxyOutput(HAProxySettings(listen=Address("127.0.0.1", port)))
    task = asyncio.create_task(output.run())
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    while not task.done():
        nodes = (await asyncio.to_thread(file.read_text)).split()
        output.show(words(word(*nodes, lease_s=LEASE_S)))
        await asyncio.wait([task], timeout=SHOWN_S)
    with contextlib.suppress(asyncio.CancelledError):
        await task


if __name__ == "__main__":
    logs.set_up()
    asyncio.run(answer(int(sys.argv[1]), Path(sys.argv[2])))
