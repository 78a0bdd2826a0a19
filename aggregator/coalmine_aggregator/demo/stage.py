"""One run of a demo: its processes, its pager, the screen on which it is told, and their end."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, TypeVar

from coalmine_aggregator.demo import children
from coalmine_aggregator.demo.children import Child
from coalmine_aggregator.demo.pager import Pager
from coalmine_aggregator.demo.ports import HOST
from coalmine_aggregator.demo.screen import Screen
from coalmine_aggregator.demo.words import Page

T = TypeVar("T")

START_S = 60.0
"""A part that has not started by then never will."""

ANSWER_S = 5.0
"""A part that has not answered by then never will."""

COALMINE = (sys.executable, "-m", "coalmine_cli.main")


class DemoError(Exception):
    """The demo cannot go on; says why."""


class Stage:
    """Processes that log to `folder`; `paged` is called with each page that an aggregator sends."""

    def __init__(self, folder: Path, screen: Screen, paged: Callable[[Page], None]) -> None:
        self.screen = screen
        self.stopped = asyncio.Event()
        self.pager = Pager(paged)
        self._folder = folder
        self._ended: asyncio.Queue[Child] = asyncio.Queue()
        self._agents: list[Child] = []
        self._others: list[Child] = []
        self._doomed: set[Child] = set()

    async def play(self, work: Coroutine[Any, Any, None], pressed: Callable[[str], None]) -> bool:
        """Works, with `pressed` called for each key, until that is done, it is told to stop, or a part
        ends that should not, which raises `DemoError`. Then it ends everything. Whether it was done."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self.stopped.set)
        working = asyncio.create_task(work)
        stopped = asyncio.create_task(self.stopped.wait())
        failed = asyncio.create_task(self._ended.get())
        try:
            self.screen.open(pressed)
            await asyncio.wait((working, stopped, failed), return_when=asyncio.FIRST_COMPLETED)
            if failed.done():
                raise DemoError(failed.result().epitaph())
            if working.done():
                working.result()
        finally:
            complete = working.done()
            for task in (working, stopped, failed):
                task.cancel()
            self.screen.close()
            await asyncio.gather(working, return_exceptions=True)
            await children.stop((self._agents, self._others))
            await self.pager.stop()
        return complete

    async def start(
        self, name: str, argv: Sequence[str], *, agent: bool = False, piped: bool = False
    ) -> Child:
        """Starts a part; agents end before all others."""
        child = await children.start(name, argv, self._folder, piped=piped)
        child.ended.add_done_callback(lambda _: self._note_end(child))
        (self._agents if agent else self._others).append(child)
        return child

    async def kill(self, child: Child) -> None:
        """Ends a part on purpose, without a word."""
        self._doomed.add(child)
        self._others.remove(child)
        child.send(signal.SIGKILL)
        await child.ended

    def write(self, name: str, text: str) -> Path:
        """A file for a part to read; where it is."""
        path = self._folder / name
        path.write_text(text)
        return path

    def _note_end(self, child: Child) -> None:
        if child not in self._doomed:
            self._ended.put_nowait(child)


async def heard(child: Child) -> dict[str, Any]:
    """The next line that a piped part says."""
    stdout = child.process.stdout
    assert stdout is not None
    line = await stdout.readline()
    if not line:  # it ended, which is told with its log
        await asyncio.Event().wait()
    answer: dict[str, Any] = json.loads(line)
    return answer


def say(child: Child, line: str) -> None:
    """Tells a piped part something."""
    stdin = child.process.stdin
    assert stdin is not None
    stdin.write(f"{line}\n".encode())


async def within(seconds: float, awaitable: Awaitable[T], failure: str) -> T:
    """Raises `DemoError`, beginning with `failure`, where it takes longer."""
    try:
        async with asyncio.timeout(seconds):
            return await awaitable
    except TimeoutError:
        raise DemoError(f"{failure} after {seconds:g} s") from None


def claim(port: int, option: str) -> None:
    """Raises `DemoError` where a page's port, set by an option, cannot be had."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            what = error.strerror or str(error)
            raise DemoError(f"port {port}: {what.lower()}; choose another with {option}") from None


def put_out(line: str) -> None:
    """The last word, on standard output, whoever still reads it."""
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
