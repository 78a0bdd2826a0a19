"""How far a long replay has come, on standard error.

On a terminal a bar; elsewhere a line now and then, and none for what is done within seconds.
"""

from __future__ import annotations

import sys
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from coalmine_runtime import clock

FIRST_S = 5.0
EVERY_S = 10.0


class Meter:
    """Told of each second of fleet time; a context manager."""

    def __init__(self, name: str, slots: int) -> None:
        self._name, self._slots = name, slots
        self._told = clock.monotonic() + FIRST_S - EVERY_S
        self._bar: Progress | None = None
        if sys.stderr.isatty():
            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                TextColumn("{task.completed:.0f} of {task.total:.0f} s"),
                TimeRemainingColumn(),
                console=Console(file=sys.stderr),
                transient=True,
            )
            self._task = self._bar.add_task(name, total=slots)

    def __enter__(self) -> Meter:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def at(self, slot: int) -> None:
        """The replay has come to this second."""
        if self._bar is not None:
            self._bar.update(self._task, completed=min(slot, self._slots))
            return
        now = clock.monotonic()
        if now - self._told >= EVERY_S:
            self._told = now
            print(f"{self._name}: {slot} of {self._slots} s", file=sys.stderr, flush=True)  # noqa: T201
