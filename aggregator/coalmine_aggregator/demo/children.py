"""The demo's processes: started apart from the terminal, watched, and ended together."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_LOG_TAIL = 12
_GRACE_S = 1.2
"""Agents have this long for their slot and their goodbye before the broker ends too."""
_KILL_S = 2.3
"""Whoever lives then is ended by force."""

_libc = ctypes.CDLL(None, use_errno=True)


class Child:
    """One process and its log file."""

    def __init__(self, name: str, process: asyncio.subprocess.Process, log: Path) -> None:
        self.name = name
        self.process = process
        self._log = log
        self.ended = asyncio.create_task(process.wait(), name=f"wait for {name}")

    def epitaph(self) -> str:
        """What to say of its end where that was not wanted: status and the last lines of its log."""
        lines = self._log.read_text(errors="replace").splitlines()[-_LOG_TAIL:]
        tail = "".join(f"\n  {line}" for line in lines)
        return f"{self.name} ended with status {self.process.returncode}{tail}"

    def send(self, number: signal.Signals) -> None:
        """Signals it, if it lives."""
        if self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self.process.send_signal(number)

    def end_group(self) -> None:
        """Ends what a process that was killed left of its group."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)


async def start(name: str, argv: Sequence[str], folder: Path, *, piped: bool = False) -> Child:
    """Starts a process that logs to a file in `folder`; `piped` opens its standard in- and output.

    It is in a process group of its own, so that Ctrl-C reaches the demo alone, and it ends with us
    even if we are killed. What it leaves behind if it is killed, too, lies in `folder`.
    """
    path = folder / f"{name}.log"
    with path.open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *argv,
            stdin=subprocess.PIPE if piped else subprocess.DEVNULL,
            stdout=subprocess.PIPE if piped else log,
            stderr=log,
            env={**os.environ, "TMPDIR": str(folder)},
            process_group=0,
            preexec_fn=_end_with_parent,
        )
    return Child(name, process, path)


async def stop(groups: Iterable[Sequence[Child]]) -> None:
    """Ends groups of processes one after the other, politely, then by force; within 3 s in all."""
    loop = asyncio.get_running_loop()
    groups = list(groups)
    everyone = [child for group in groups for child in group]
    began = loop.time()
    for group in groups:
        for child in group:
            child.send(signal.SIGTERM)
        await _wait(group, began + _GRACE_S - loop.time())
    await _wait(everyone, began + _KILL_S - loop.time())
    for child in everyone:
        child.send(signal.SIGKILL)
    await asyncio.gather(*(child.ended for child in everyone))
    for child in everyone:
        child.end_group()


async def _wait(children: Sequence[Child], timeout_s: float) -> None:
    pending = [child.ended for child in children if not child.ended.done()]
    if pending and timeout_s > 0:
        await asyncio.wait(pending, timeout=timeout_s)


def _end_with_parent() -> None:
    # In the child, between fork and exec: nothing but this one call.
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
