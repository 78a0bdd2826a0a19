"""What takes long to make is made once and kept, whoever asks for it first."""

from __future__ import annotations

import contextlib
import fcntl
import shutil
from collections.abc import Callable
from pathlib import Path


def kept(path: Path, make: Callable[[Path], None]) -> Path:
    """`path`, a file or a folder. Where it is not there, `make` makes it under a name that it is given.

    Others that want it meanwhile wait. What was made by halves is not there.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with (path.parent / f".{path.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists():
            half = path.with_name(f".{path.name}.part")
            if half.is_dir():
                shutil.rmtree(half)
            with contextlib.suppress(FileNotFoundError):
                half.unlink()
            make(half)
            half.rename(path)
    return path
