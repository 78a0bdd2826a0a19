"""One `coalmine demo` as people run it, on a terminal or not, and what it leaves behind."""

from __future__ import annotations

import asyncio
import os
import pty
import re
import sys
from pathlib import Path

from coalmine_aggregator.demo.ports import free_port
from tests.servers.waiting import within

START_S = 60
_ESCAPES = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]")


def processes(folder: Path, naming: str = "") -> list[int]:
    """The processes whose command line names something in the folder, zombies apart."""
    wanted = os.fsencode(folder), os.fsencode(naming)
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                line = (entry / "cmdline").read_bytes()
                if all(part in line for part in wanted):
                    found.append(int(entry.name))
            except OSError:
                pass  # it has just ended
    return found


class Demo:
    """One `coalmine demo`, whose files go to a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port, self.status_port = free_port(), free_port()
        self.output = b""
        self.stdout = b""  # of it, where it is no terminal
        self.process: asyncio.subprocess.Process | None = None
        self._terminal: int | None = None
        self._more = asyncio.Event()

    async def start(self, *arguments: str, terminal: bool = False) -> None:
        self.folder.mkdir()
        ports = ["--port", str(self.port), "--status-port", str(self.status_port)]
        argv = [sys.executable, "-m", "coalmine_cli.main", "demo", *ports, *arguments]
        size = {"COLUMNS": "110", "LINES": "40"}
        env = {**os.environ, **size, "TMPDIR": str(self.folder), "TERM": "xterm"}
        if terminal:
            self._terminal, slave = pty.openpty()
        else:
            slave = asyncio.subprocess.PIPE
        self.process = await asyncio.create_subprocess_exec(
            *argv,
            stdin=slave if terminal else asyncio.subprocess.DEVNULL,
            stdout=slave,
            stderr=asyncio.subprocess.STDOUT if terminal else asyncio.subprocess.PIPE,
            env=env,
        )
        loop = asyncio.get_running_loop()
        if self._terminal is not None:
            os.close(slave)
            os.set_blocking(self._terminal, False)
            loop.add_reader(self._terminal, self._read_terminal)
        else:
            self._reading = asyncio.gather(self._read_stdout(), self._read_stderr())

    async def seen(self, text: str, *, after: int = 0, deadline_s: float = START_S) -> int:
        """Returns once `text` was written behind the position `after`; the position behind it."""
        assert self.process is not None
        async with asyncio.timeout(deadline_s):
            while (at := self.output.find(text.encode(), after)) < 0:
                assert self.process.returncode is None, self.output.decode()
                self._more.clear()
                await self._more.wait()
        return at + len(text)

    def press(self, key: str) -> None:
        assert self._terminal is not None
        os.write(self._terminal, key.encode())

    async def ended(self, timeout_s: float = START_S) -> int:
        assert self.process is not None
        status = await within(self.process.wait(), timeout_s)
        if self._terminal is None:
            await self._reading
        return status

    async def ends_with(self, status: int, timeout_s: float = START_S) -> None:
        ended = await self.ended(timeout_s)
        assert ended == status, self.output.decode()

    @property
    def lines(self) -> list[str]:
        return self.output.decode().splitlines()

    async def close(self) -> None:
        if self._terminal is not None:
            asyncio.get_running_loop().remove_reader(self._terminal)
            os.close(self._terminal)
        if self.process is not None:
            if self.process.returncode is None:
                self.process.kill()
            await self.process.wait()

    def _take(self, data: bytes) -> None:
        self.output += _ESCAPES.sub(b"", data)
        self._more.set()

    def _read_terminal(self) -> None:
        assert self._terminal is not None
        try:
            self._take(os.read(self._terminal, 1 << 16))
        except OSError:  # the other end is closed
            asyncio.get_running_loop().remove_reader(self._terminal)

    async def _read_stdout(self) -> None:
        assert self.process is not None
        assert self.process.stdout is not None
        while data := await self.process.stdout.read(1 << 16):
            self.stdout += data
            self._take(data)

    async def _read_stderr(self) -> None:
        assert self.process is not None
        assert self.process.stderr is not None
        while data := await self.process.stderr.read(1 << 16):
            self._take(data)


def leaves_nothing(demo: Demo) -> bool:
    return not processes(demo.folder) and not list(demo.folder.iterdir())
