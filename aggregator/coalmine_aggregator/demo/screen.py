"""Where the demo shows itself: a live table with keys on a terminal, plain lines elsewhere.

It is standard output, or standard error where the output is kept for one object of JSON.
"""

from __future__ import annotations

import asyncio
import os
import sys
import termios
import tty
from collections.abc import Callable
from typing import Protocol as Interface
from typing import TextIO

from rich.console import Console, RenderableType
from rich.live import Live
from rich.text import Text

_Attributes = list[int | list[bytes | int]]


class Picture(Interface):
    """All that is shown of a moment."""

    def render(self) -> RenderableType:
        """For a terminal."""

    def plain(self) -> str:
        """The same as one line, where there is no terminal; empty for nothing."""


class Screen(Interface):
    """Shows a picture a second, and tells events in lines that stay."""

    keys: bool

    def open(self, on_key: Callable[[str], None]) -> None:
        """Takes the terminal; `on_key` is called with each character typed."""

    def show(self, picture: Picture) -> None:
        """The newest second."""

    def tell(self, line: str, style: str = "") -> None:
        """An event."""

    def close(self) -> None:
        """Gives the terminal back."""


class PlainScreen:
    """Lines, for pipes and logs."""

    keys = False

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._shown = ""

    def open(self, on_key: Callable[[str], None]) -> None:
        """There are no keys."""

    def show(self, picture: Picture) -> None:
        """One line for each that is new."""
        line = picture.plain()
        if line and line != self._shown:
            self._shown = line
            self.tell(line)

    def tell(self, line: str, style: str = "") -> None:
        """Written at once, so that whoever reads the pipe sees it."""
        self._stream.write(f"{line}\n")
        self._stream.flush()

    def close(self) -> None:
        """Nothing to give back."""


class LiveScreen:
    """A table that is redrawn in place; typed characters reach `on_key` at once and unseen."""

    def __init__(self, stream: TextIO) -> None:
        self.keys = sys.stdin.isatty()
        self._console = Console(file=stream)
        self._live = Live(console=self._console, auto_refresh=False)
        self._before: _Attributes | None = None

    def open(self, on_key: Callable[[str], None]) -> None:
        """Takes the terminal."""
        if self.keys:
            stdin = sys.stdin.fileno()
            self._before = termios.tcgetattr(stdin)
            tty.setcbreak(stdin)
            asyncio.get_running_loop().add_reader(stdin, self._typed, on_key)
        self._live.start()

    def show(self, picture: Picture) -> None:
        """Draws it over the one before."""
        self._live.update(picture.render(), refresh=True)

    def tell(self, line: str, style: str = "") -> None:
        """Above the table."""
        self._console.print(Text(line, style))

    def close(self) -> None:
        """Gives the terminal back as it was."""
        self._live.stop()
        if self._before is not None:
            stdin = sys.stdin.fileno()
            asyncio.get_running_loop().remove_reader(stdin)
            termios.tcsetattr(stdin, termios.TCSADRAIN, self._before)
            self._before = None

    def _typed(self, on_key: Callable[[str], None]) -> None:
        typed = os.read(sys.stdin.fileno(), 64)
        for key in typed.decode("ascii", "ignore"):
            on_key(key)
        if not typed:
            asyncio.get_running_loop().remove_reader(sys.stdin.fileno())


def choose_screen(stream: TextIO) -> Screen:
    """A live one on a terminal."""
    return LiveScreen(stream) if stream.isatty() else PlainScreen(stream)
