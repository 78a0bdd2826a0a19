"""What a process costs: its processor time and its memory, as the kernel accounts them."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def cpu_s(pid: int) -> float:
    """Processor seconds, user and system, of all threads, the ended ones too."""
    text = Path(f"/proc/{pid}/stat").read_text()
    fields = text[text.rindex(")") + 2 :].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def rss_mib(pid: int) -> float:
    """Resident memory in MiB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


def pin(pid: int, cores: Iterable[int]) -> None:
    """Every thread of a process, present and future, on these cores."""
    wanted = set(cores)
    for task in Path(f"/proc/{pid}/task").iterdir():
        os.sched_setaffinity(int(task.name), wanted)


def go_first(pid: int) -> None:
    """Lets every thread of a process go before what else is on its core, where that may be asked for:
    a core of its own is what is measured."""
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(PermissionError):
            os.setpriority(os.PRIO_PROCESS, int(task.name), -10)


def cores() -> tuple[int, int]:
    """The core for what is measured and the one for everything else; the same where there is one."""
    usable = sorted(os.sched_getaffinity(0))
    return usable[0], usable[-1]


def busy_s(pid: int) -> float:
    """Processor seconds of the threads that live now, to the nanosecond: for short windows."""
    return _scheduled_s(pid, 0)


def waited_s(pid: int) -> float:
    """Seconds for which its threads could run and others had their core: what a busy machine adds."""
    return _scheduled_s(pid, 1)


def _scheduled_s(pid: int, column: int) -> float:
    spent_ns = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            spent_ns += int((task / "schedstat").read_text().split()[column])
        except OSError:  # it ended meanwhile
            continue
    return spent_ns / 1e9
