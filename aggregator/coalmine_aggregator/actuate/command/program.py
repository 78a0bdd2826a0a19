"""Runs a program: input from memory, output bounded, killed with its group where it hangs."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Sequence
from pathlib import Path

from coalmine_aggregator.notify.plain import cut, one_line

MAX_OUTPUT = 4096
"""Bytes of output that are kept; the rest is read and thrown away."""

MAX_READ = 1 << 20
"""Bytes of output that are read at all: who writes more has to wait, and is killed when time is up."""

MAX_TOLD = 200
"""Characters of output in an error."""

_DRAIN_S = 0.5
"""Output is read for so long after the end: what it left running may hold it open."""

_GONE_S = 1.0
"""The end of what was killed is waited for so long: we may not be allowed to, or a disk may hold it."""

_LOOK_S = 0.02

ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}
"""All that the program finds in its environment: ours may hold secrets."""


class ProgramError(ValueError):
    """It did not do what it was asked."""


class Program:
    """One program, one run at a time.

    What runs as another user, as by `sudo`, we may not kill. While anything of a run that had to be
    killed lives all the same, no other is started: there would be ever more, and an older state could
    come after a newer one.
    """

    def __init__(self, argv: Sequence[str], timeout_s: float) -> None:
        self._argv = argv
        self._timeout_s = timeout_s
        self._killed: asyncio.subprocess.Process | None = None

    async def run(self, given: bytes) -> None:
        """Runs it with `given` as standard input, in a session and process group of its own.

        Raises `ProgramError` where it ends with another status than 0, or where an earlier run lives
        that could not be killed; OSError where it cannot be started; TimeoutError after `timeout_s`,
        when its group was killed as far as we may.
        """
        name = self._argv[0]
        if left := self._left():
            raise ProgramError(
                f"{name} is not started: process {left}, an earlier run of it, could not be killed, "
                "and it or one of its process group lives still"
            )
        source = os.memfd_create("coalmine-state")
        ours, theirs = os.pipe()
        output = _Output(ours)
        try:
            try:
                _fill(source, given)
                process = await asyncio.create_subprocess_exec(
                    *self._argv,
                    stdin=source,
                    stdout=theirs,
                    stderr=theirs,
                    env=ENVIRONMENT,
                    cwd="/",
                    start_new_session=True,
                )
            except OSError as error:
                raise OSError(f"{name} cannot be started: {error.strerror or error}") from None
            finally:
                os.close(source)
                os.close(theirs)
            status = await self._ended(process)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_DRAIN_S):
                    await output.ended.wait()
        except TimeoutError:
            left = self._left()
            lives = f", and process {left} or its group could not be killed" if left else ""
            what = f"{name} took longer than {self._timeout_s:g} s{lives}{output.told()}"
            raise TimeoutError(what) from None
        finally:
            output.close()
        if status:
            how = f"ended by signal {-status}" if status < 0 else f"exit status {status}"
            raise ProgramError(f"{name}: {how}{output.told()}")

    def _left(self) -> int | None:
        """The process of a run that was killed, while it or one of its group lives all the same."""
        if self._killed is not None and not _lives(self._killed):
            self._killed = None
        return None if self._killed is None else self._killed.pid

    async def _ended(self, process: asyncio.subprocess.Process) -> int:
        """Its status; where it takes too long, or we are cancelled, its group is killed."""
        try:
            async with asyncio.timeout(self._timeout_s):
                return await process.wait()
        finally:
            if process.returncode is None:
                await self._kill(process)

    async def _kill(self, process: asyncio.subprocess.Process) -> None:
        """Kills its group, and waits a moment until nothing of it is left."""
        self._killed = process
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_GONE_S):
                await process.wait()
                while _is_group(process.pid):  # noqa: ASYNC110  -- nothing tells of the end of a group
                    await asyncio.sleep(_LOOK_S)


def _is_group(group: int) -> bool:
    """Whether anything is of it, be it dead and not yet waited for."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _lives(process: asyncio.subprocess.Process) -> bool:
    """Whether it lives, or anything of its group."""
    if process.returncode is None:
        return True
    if not _is_group(process.pid):
        return False
    states = _states(process.pid)
    # Those of other users may be hidden from us, so that none is seen. The dead do not count: process 1
    # may take its time to wait for them, or never do so, as we do not where that is us.
    return not states or any(state not in "ZX" for state in states)


def _states(group: int) -> list[str]:
    """The states of those of a group that we see, as proc(5) has them."""
    found = []
    for each in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it has ended
            state, _parent, of = each.read_text(errors="replace").rpartition(")")[2].split()[:3]
            if int(of) == group:
                found.append(state)
    return found


def _fill(source: int, given: bytes) -> None:
    left = memoryview(given)
    while left:
        left = left[os.write(source, left) :]
    os.lseek(source, 0, os.SEEK_SET)


class _Output:
    """What it writes, read from a pipe while the loop runs; `ended` once nobody can write any more."""

    def __init__(self, pipe: int) -> None:
        self.ended = asyncio.Event()
        self._pipe = pipe
        self._kept = bytearray()
        self._read = 0
        self._loop = asyncio.get_running_loop()
        os.set_blocking(pipe, False)
        self._loop.add_reader(pipe, self._take)

    def _take(self) -> None:
        try:
            chunk = os.read(self._pipe, MAX_OUTPUT)
        except BlockingIOError:
            return
        self._read += len(chunk)
        self._kept += chunk[: MAX_OUTPUT - len(self._kept)]
        if not chunk or self._read >= MAX_READ:
            self._loop.remove_reader(self._pipe)
            self.ended.set()

    def told(self) -> str:
        """How it explains itself, on one line."""
        text = cut(one_line(self._kept.decode(errors="replace")), MAX_TOLD)
        return f": {text}" if text else ""

    def close(self) -> None:
        """Reads no more."""
        self._loop.remove_reader(self._pipe)
        os.close(self._pipe)
