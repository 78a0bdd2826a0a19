"""A file that is always whole: who opens it finds the old text or the new one."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

MODE = 0o644


def write_whole(path: Path, text: bytes) -> None:
    """Replaces a file at once, also where its reader holds it open. Blocks; raises OSError."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(text)
            file.flush()
            os.fsync(descriptor)
        Path(name).chmod(MODE)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
