"""The big switch: a file. While it exists nothing is withdrawn, whoever runs or is started."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from pathlib import Path
from typing import NamedTuple

MAX_BYTES = 16_384
MAX_TEXT = 400

_YEAR_10000 = 253_402_300_800.0  # times past it cannot be written


class Stop(NamedTuple):
    """Who stopped it, why, and when (seconds since the epoch; 0 where the file does not say)."""

    by: str
    why: str
    at: float = 0.0


UNREADABLE = "the stop file"


class NotWrittenError(Exception):
    """It is stopped, but the stop file does not have it yet: a restart now would forget it."""


class StopFile:
    """Blocks. Whoever may write to its folder may stop, and start, all of remediation."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> Stop | None:
        """None where there is none. Any file stops, an empty one too, and one that cannot be read."""
        try:
            return self.find()
        except OSError as error:
            return Stop(UNREADABLE, f"{self.path}: {error.strerror or error}"[:MAX_TEXT])

    def find(self) -> Stop | None:
        """As `read`, but raises OSError where nobody can say whether there is one."""
        try:
            with self.path.open("rb") as file:
                data = file.read(MAX_BYTES)
        except FileNotFoundError:
            return None
        text = data.decode("utf-8", "replace")
        try:
            said = json.loads(text)
            by, why, at = _plain(said["by"]), _plain(said["why"]), float(said["at"])
            if not 0 <= at < _YEAR_10000:
                raise ValueError(at)
        except (ValueError, OverflowError, KeyError, TypeError, RecursionError):
            first = text.strip().partition("\n")[0]
            return Stop(UNREADABLE, first[:MAX_TEXT])
        return Stop(by[:MAX_TEXT] or UNREADABLE, why[:MAX_TEXT], at)

    def write(self, stop: Stop) -> None:
        """On disk when it returns; without the words, or with those of an earlier one, where there is
        room for no more. Raises OSError where there is no file."""
        try:
            self._replace(stop)
        except OSError:
            # A full disk often has room for a name, and an empty file stops as well.
            if not self._is_made():
                raise
        _sync(self.path.parent)

    def remove(self) -> None:
        """Nothing where there is none. Raises OSError."""
        try:
            self.path.unlink(missing_ok=True)
        except OSError:
            # Of a file system that cannot be written this is said of a file that is not there, too.
            if self.read() is not None:
                raise
            return
        with contextlib.suppress(FileNotFoundError):  # nor is there a folder
            _sync(self.path.parent)

    def _replace(self, stop: Stop) -> None:
        folder = self.path.parent
        handle, name = tempfile.mkstemp(prefix=f".{self.path.name}.", dir=folder)
        try:
            with os.fdopen(handle, "w", encoding="utf-8", errors="replace") as file:
                json.dump(stop._asdict(), file)
                file.flush()
                os.fsync(file.fileno())
            Path(name).chmod(0o644)  # the command, run by another user, says who stopped it
            Path(name).replace(self.path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise

    def _is_made(self) -> bool:
        try:
            os.close(os.open(self.path, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o644))
        except OSError:
            return False
        return True


def _plain(said: object) -> str:
    """A command line may be any bytes, and JSON tells them: what is no text could not be passed on."""
    return str(said).encode("utf-8", "replace").decode()


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
