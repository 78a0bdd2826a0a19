"""Runs a program once: input from memory, output bounded, killed with its group where it hangs."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Sequence

from coalmine_aggregator.notify.plain import cut, one_line

MAX_OUTPUT = 4096
"""Bytes of output that are kept; the rest is read and thrown away."""

MAX_READ = 1 << 20
"""Bytes of output that are read at all: who writes more has to wait, and is killed when time is up."""

MAX_TOLD = 200
"""Characters of output in an error."""

_DRAIN_S = 0.5
"""Output is read for so long after the end: what it left running may hold it open."""

ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}
"""All that the program finds in its environment: ours may hold secrets."""


class ProgramError(ValueError):
    """It did not do what it was asked."""


async def run_program(argv: Sequence[str], given: bytes, timeout_s: float) -> None:
    """Runs it with `given` as standard input, in a session and process group of its own.

    Raises `ProgramError` where it ends with another status than 0, OSError where it cannot be started,
    TimeoutError after `timeout_s`, when the group was killed.
    """
    source = os.memfd_create("coalmine-state")
    ours, theirs = os.pipe()
    output = _Output(ours)
    try:
        try:
            _fill(source, given)
            process = await asyncio.create_subprocess_exec(
                *argv,
                stdin=source,
                stdout=theirs,
                stderr=theirs,
                env=ENVIRONMENT,
                cwd="/",
                start_new_session=True,
            )
        except OSError as error:
            raise OSError(f"{argv[0]} cannot be started: {error.strerror or error}") from None
        finally:
            os.close(source)
            os.close(theirs)
        status = await _ended(process, timeout_s)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_DRAIN_S):
                await output.ended.wait()
    except TimeoutError:
        raise TimeoutError(f"{argv[0]} took longer than {timeout_s:g} s{output.told()}") from None
    finally:
        output.close()
    if status:
        how = f"ended by signal {-status}" if status < 0 else f"exit status {status}"
        raise ProgramError(f"{argv[0]}: {how}{output.told()}")


async def _ended(process: asyncio.subprocess.Process, timeout_s: float) -> int:
    """Its status; where it takes too long, or we are cancelled, its group is killed."""
    try:
        async with asyncio.timeout(timeout_s):
            return await process.wait()
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()


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
