"""Where a watcher's news go: lines, a file, a command."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from coalmine_aggregator.actuate.command.program import Program
from coalmine_aggregator.actuate.etcd.record import Out
from coalmine_aggregator.actuate.etcd.whole_file import write_whole
from coalmine_runtime import clock
from coalmine_runtime.logs import get_logger
from coalmine_runtime.printable import printable_json

COMMAND_S: Final = 30.0
"""A command's time; then it is killed, with what it has started."""

log = get_logger("etcd.watcher")


def document(service: str, out: Sequence[Out], at: float) -> bytes:
    """One line of JSON: everybody who is out. `at` is when, seconds since the epoch."""
    nodes: list[dict[str, Any]] = [
        {"node": node, **msgspec.structs.asdict(record)} for node, record in out
    ]
    return msgspec.json.encode({"service": service, "at": at, "withdrawn": nodes}) + b"\n"


class ToLines:
    """To standard output. Raises OSError where nobody reads it any more."""

    def __init__(self, service: str) -> None:
        self._service = service

    async def tell(self, out: tuple[Out, ...]) -> bool:
        """See `watcher.Tell`."""
        line = document(self._service, out, clock.wall()).decode()
        await asyncio.to_thread(self._write, printable_json(line))
        return True

    def confirmed(self) -> None:
        """Lines say what changed, and no more."""

    def _write(self, line: str) -> None:
        sys.stdout.write(line)
        sys.stdout.flush()


class ToFile:
    """To a file, which is always whole. Its time of change is when etcd last answered: readers take
    everybody to be in where it is older than a lease, as it is when the watcher died."""

    def __init__(self, service: str, path: Path) -> None:
        self._service = service
        self._path = path
        self._is_told = False

    async def tell(self, out: tuple[Out, ...]) -> bool:
        """See `watcher.Tell`."""
        try:
            await asyncio.to_thread(write_whole, self._path, document(self._service, out, clock.wall()))
        except OSError as error:
            log.error("etcd.watcher.not_written", path=self._path, error=error)
            self._is_told = False
        else:
            self._is_told = True
        return self._is_told

    def confirmed(self) -> None:
        """Etcd answered. What the file says is as old as ever where it could not be replaced."""
        if self._is_told:
            with contextlib.suppress(OSError):
                os.utime(self._path)


class ToCommand:
    """To a command's standard input, without a shell; the command has taken it if it exits with 0."""

    def __init__(self, service: str, argv: Sequence[str]) -> None:
        self._service = service
        self._name = argv[0]
        self._program = Program(argv, COMMAND_S)

    async def tell(self, out: tuple[Out, ...]) -> bool:
        """See `watcher.Tell`."""
        try:
            await self._program.run(document(self._service, out, clock.wall()))
        except (OSError, ValueError) as error:
            log.error("etcd.watcher.command_failed", command=self._name, error=error)
            return False
        return True

    def confirmed(self) -> None:
        """A command is told what changed, and no more."""
