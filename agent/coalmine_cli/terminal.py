"""A terminal that is taken for a while: keys reach us at once and unseen, the screen is ours."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import termios
import tty
from collections.abc import Iterator, Sequence
from types import FrameType, TracebackType

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

_ARROWS = {"A": "up", "B": "down", "C": "right", "D": "left"}
_RESIZED = b"r"


class Terminal:
    """Use it by `with`. `wake` may be called from any thread; the rest from one."""

    def __init__(self) -> None:
        self._console = Console()
        self._live = Live(console=self._console, screen=True, auto_refresh=False)
        self._stack = contextlib.ExitStack()
        self._woken, self._waker = os.pipe()

    def __enter__(self) -> Terminal:
        os.set_blocking(self._waker, False)
        self._stack.callback(self._close)
        with contextlib.ExitStack() as taking:
            if sys.stdin.isatty():
                before = termios.tcgetattr(sys.stdin)
                taking.callback(termios.tcsetattr, sys.stdin, termios.TCSADRAIN, before)
                tty.setcbreak(sys.stdin)
            resized = signal.signal(signal.SIGWINCH, self._resized)
            taking.callback(signal.signal, signal.SIGWINCH, resized)
            taking.enter_context(self._live)
            self._stack.push(taking.pop_all())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    @property
    def size(self) -> tuple[int, int]:
        """Columns and lines."""
        return self._console.size.width, self._console.size.height

    def show(self, lines: Sequence[Text]) -> None:
        """Draws the whole screen."""
        self._live.update(Group(*lines), refresh=True)

    def wake(self) -> None:
        """Ends a `wait`."""
        with contextlib.suppress(BlockingIOError, OSError):  # full is as good, closed too late
            os.write(self._waker, _RESIZED)

    def wait(self, seconds: float) -> list[str]:
        """The keys that were pressed, as soon as there are any; none once it is woken or that late."""
        watched = [self._woken, *([sys.stdin.fileno()] if sys.stdin.isatty() else [])]
        ready, _, _ = select.select(watched, [], [], seconds)
        if self._woken in ready:
            os.read(self._woken, 4096)
        if sys.stdin.fileno() not in ready:
            return []
        return list(_keys(os.read(sys.stdin.fileno(), 64).decode("ascii", "ignore")))

    def _resized(self, _signal: int, _frame: FrameType | None) -> None:
        self.wake()

    def _close(self) -> None:
        os.close(self._woken)
        os.close(self._waker)


def _keys(typed: str) -> Iterator[str]:
    """Characters; the names of arrows in place of their escapes. A terminal that hung up is `q`."""
    if not typed:
        yield "q"
    while typed:
        if typed[:2] in ("\x1b[", "\x1bO") and typed[2:3] in _ARROWS:
            yield _ARROWS[typed[2]]
            typed = typed[3:]
        else:
            yield typed[0]
            typed = typed[1:]
