"""What is still done when the tests have died, whatever killed them."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

_SCRIPT = 'cat >/dev/null; exec "$@"'
"""Reads until nobody holds the other end of its input: the kernel lets go of it with the tests."""


class Epilogue:
    """A command that runs when `close` is called, or when this process ends without. Blocks."""

    def __init__(self, argv: Sequence[str | Path]) -> None:
        self._waiting = subprocess.Popen(
            ["sh", "-c", _SCRIPT, "epilogue", *map(str, argv)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            start_new_session=True,  # what ends the tests' whole group of processes leaves it alone
        )

    def close(self) -> int:
        """Runs it now; its exit code."""
        self._waiting.communicate(timeout=60)
        return self._waiting.returncode
