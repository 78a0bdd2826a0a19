"""A small file system of its own, to be filled up. Blocks."""

from __future__ import annotations

import contextlib
import errno
import subprocess
import tempfile
from pathlib import Path

from tests.servers.epilogue import Epilogue
from tests.servers.process import as_root, executable

_PIECE = 1 << 12


class Disk:
    """`with` it: memory mounted at `path`, where everybody may write. PermissionError where not even
    root may mount, as in many containers."""

    def __init__(self, size_mib: int) -> None:
        self._size_mib = size_mib
        self.path: Path

    def __enter__(self) -> Disk:
        self.path = Path(tempfile.mkdtemp(prefix="coalmine-disk-"))
        self._ballast = self.path / "ballast"
        options = f"size={self._size_mib}m,mode=1777"
        mount, umount = (executable(name, "mount") for name in ("mount", "umount"))
        done = subprocess.run(
            [*as_root(), mount, "-t", "tmpfs", "-o", options, "coalmine-disk", self.path],
            capture_output=True,
            check=False,
        )
        if done.returncode:
            self.path.rmdir()
            raise PermissionError(done.stderr.decode(errors="replace").strip())
        script = f'{" ".join([*as_root(), umount])} --lazy "$0"; rmdir "$0"'
        self._epilogue = Epilogue(["sh", "-c", script, self.path])
        return self

    def __exit__(self, *_: object) -> None:
        self._epilogue.close()

    def fill(self) -> None:
        """Leaves no room at all."""
        with self._ballast.open("ab", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(_PIECE))
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise

    def free(self) -> None:
        """There is room again."""
        with contextlib.suppress(FileNotFoundError):
            self._ballast.unlink()
