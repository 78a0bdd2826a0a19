"""The big switch: a file. While it exists nothing is withdrawn, whoever runs or is started."""

from __future__ import annotations

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


class StopFile:
    """Blocks. Whoever may write to its folder may stop, and start, all of remediation."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> Stop | None:
        """None where there is none. Any file stops, an empty one too, and one that cannot be read."""
        try:
            with self.path.open("rb") as file:
                data = file.read(MAX_BYTES)
        except FileNotFoundError:
            return None
        except OSError as error:
            return Stop(UNREADABLE, f"{self.path}: {error.strerror or error}"[:MAX_TEXT])
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
        """On disk when it returns. Raises OSError."""
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
        _sync(folder)

    def remove(self) -> None:
        """Nothing where there is none. Raises OSError."""
        self.path.unlink(missing_ok=True)
        _sync(self.path.parent)


def _plain(said: object) -> str:
    """A command line may be any bytes, and JSON tells them: what is no text could not be passed on."""
    return str(said).encode("utf-8", "replace").decode()


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
