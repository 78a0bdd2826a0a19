"""A terminal of some size with a command in it, whose screen and keys a test has."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
from types import TracebackType

from coalmine_runtime import clock

DEADLINE_S = 30.0
_OTHERS = ("COALMINE", "COLUMNS", "LINES")
"""Of the environment: settings of ours, and the size of another terminal."""

_ESCAPE = re.compile(r"\x1b(?:\[[0-9;?]*[A-Za-z]|[()][A-Z0-9]|[=>])")


class PseudoTerminal:
    """`coalmine ...` with a terminal for standard input and output; use it by `with`."""

    def __init__(self, *words: str, columns: int = 80, lines: int = 24) -> None:
        self.raw = ""
        self._master, self._slave = pty.openpty()
        self._size(columns, lines)
        self.before = termios.tcgetattr(self._slave)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "coalmine_cli.main", *words],
            stdin=self._slave,
            stdout=self._slave,
            stderr=self._slave,
            start_new_session=True,
            env={
                **{name: value for name, value in os.environ.items() if not name.startswith(_OTHERS)},
                "TERM": "xterm-256color",
                "LC_ALL": "C.UTF-8",
            },
        )

    def __enter__(self) -> PseudoTerminal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self._master)
        os.close(self._slave)

    def until(self, text: str) -> str:
        """What was written up to this text, without escapes; what came before is forgotten."""
        end = clock.monotonic() + DEADLINE_S
        while text not in (shown := _ESCAPE.sub("", self.raw)):
            ready, _, _ = select.select([self._master], [], [], max(0.0, end - clock.monotonic()))
            assert ready, f"no {text!r} in\n{shown[-4000:]}"
            self.raw += os.read(self._master, 65536).decode(errors="replace")
        self.raw = ""
        return shown

    def press(self, keys: bytes) -> None:
        """Types."""
        os.write(self._master, keys)

    def resize(self, columns: int, lines: int) -> None:
        """As if somebody pulled at the window."""
        self._size(columns, lines)
        self.process.send_signal(signal.SIGWINCH)

    def ended(self) -> int:
        """The exit code; what it writes at the end is read meanwhile."""
        end = clock.monotonic() + DEADLINE_S
        while self.process.poll() is None and clock.monotonic() < end:
            if select.select([self._master], [], [], 0.05)[0]:
                self.raw += os.read(self._master, 65536).decode(errors="replace")
        while select.select([self._master], [], [], 0)[0]:
            self.raw += os.read(self._master, 65536).decode(errors="replace")
        return self.process.wait(0.1)

    def settings(self) -> list[int | list[bytes | int]]:
        """How the terminal is set."""
        return termios.tcgetattr(self._slave)

    def _size(self, columns: int, lines: int) -> None:
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
