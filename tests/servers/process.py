"""One process of a real server: started, awaited by connecting or by its log, stopped by its pid."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO

from tests.servers.waiting import until, within

START_S = 15.0
STOP_S = 10.0
SBIN = "/usr/sbin:/usr/local/sbin:/sbin"


def executable(name: str, package: str) -> str:
    """The path of a server's program; an error that names the Debian package where it is missing."""
    path = shutil.which(name) or shutil.which(name, path=SBIN)
    if path is None:
        raise FileNotFoundError(f"{name} is missing: apt-get install {package} (`make test` does it)")
    return path


def as_root() -> list[str]:
    """What stands before a command that needs root: nothing, or a sudo that asks nothing."""
    return ["sudo", "-n"] if os.geteuid() else []


class Process:
    """A program whose output goes to `log`, appended over restarts.

    It gets SIGKILL from the kernel when the tests die, so that nothing is left behind.
    """

    def __init__(
        self,
        argv: Sequence[str],
        *,
        log: Path,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> None:
        self.argv = list(argv)
        self.log = log
        self._env = dict(env or {})
        self._cwd = cwd
        self._child: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int:
        """Of the running process."""
        if self._child is None:
            raise RuntimeError(f"{self.argv[0]} is not running")
        return self._child.pid

    @property
    def returncode(self) -> int | None:
        """None while it runs or before it ran."""
        return self._child.returncode if self._child else None

    @property
    def running(self) -> bool:
        """Started, and not seen to end."""
        return self._child is not None and self._child.returncode is None

    async def start(self) -> None:
        """Starts it; ready is a question of its own."""
        if self.running:
            raise RuntimeError(f"{self.argv[0]} runs already")
        with self.log.open("ab") as output:
            self._child = await self._spawn(output)

    async def _spawn(self, output: IO[bytes]) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", _DIE_WITH_PARENT, str(os.getpid())),
            *self.argv,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=self._cwd,
            env={**os.environ, **self._env},
        )

    async def wait(self, deadline_s: float) -> int:
        """The exit code; TimeoutError if it runs on."""
        assert self._child is not None
        return await within(self._child.wait(), deadline_s)

    async def stop(self, how: signal.Signals = signal.SIGTERM, deadline_s: float = STOP_S) -> int:
        """Ends it, with SIGKILL after the deadline; returns its exit code."""
        if self._child is None:
            return 0
        if self._child.returncode is None:
            self.signal(how)
        try:
            return await self.wait(deadline_s)
        except TimeoutError:
            self.signal(signal.SIGKILL)
            await self._child.wait()
            raise AssertionError(f"{self.argv[0]} ignored {how.name}\n{self.tail()}") from None

    async def kill(self) -> None:
        """kill -9."""
        await self.stop(signal.SIGKILL)

    def signal(self, which: signal.Signals) -> None:
        """Sends a signal and goes on."""
        try:
            os.kill(self.pid, which)
        except PermissionError:  # it runs under sudo, which hands SIGTERM and SIGINT on
            subprocess.run([*as_root(), "kill", f"-{int(which)}", str(self.pid)], check=True)

    def text(self) -> str:
        """All that it has written, over all its lives."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def tail(self, lines: int = 25) -> str:
        """The last lines of its log, under its name."""
        body = "\n".join(self.text().splitlines()[-lines:])
        return f"--- {Path(self.argv[0]).name}, exit {self.returncode}, {self.log}\n{body}"

    async def until_listening(self, port: int, host: str = "127.0.0.1") -> None:
        """Waits until a TCP connection to it is accepted."""

        async def connects() -> bool:
            self._must_run()
            try:
                _, writer = await asyncio.open_connection(host, port)
            except OSError:
                return False
            writer.close()
            try:
                await writer.wait_closed()
            except OSError:
                pass
            return True

        await until(
            connects,
            deadline_s=START_S,
            what=f"{self.argv[0]} listens on {host}:{port}",
            explain=self.tail,
        )

    async def until_logged(self, pattern: str, *, since: int = 0, deadline_s: float = START_S) -> str:
        """Waits until its log, from character `since` on, matches; returns the matching text."""

        async def seen() -> str:
            found = re.search(pattern, self.text()[since:])
            if found is None:
                self._must_run()
            return found.group(0) if found else ""

        return await until(seen, deadline_s=deadline_s, what=f"log has {pattern!r}", explain=self.tail)

    async def until_true(
        self, condition: Callable[[], bool], what: str, deadline_s: float = START_S
    ) -> None:
        """Waits for a condition of ours while the process must go on running."""

        async def holds() -> bool:
            self._must_run()
            return condition()

        await until(holds, deadline_s=deadline_s, what=what, explain=self.tail)

    def _must_run(self) -> None:
        if not self.running:
            raise AssertionError(f"ended before its time\n{self.tail()}")


_DIE_WITH_PARENT = """
import ctypes, os, signal, sys
ctypes.CDLL(None).prctl(1, signal.SIGKILL)
if os.getppid() != int(sys.argv[1]):
    sys.exit("the tests are gone")
os.execvp(sys.argv[2], sys.argv[2:])
"""


@asynccontextmanager
async def started(*processes: Process) -> AsyncIterator[None]:
    """They run; none does afterwards."""
    try:
        for process in processes:
            await process.start()
        yield
    finally:
        for process in processes:
            if process.running:
                await process.kill()
