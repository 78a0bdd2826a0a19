"""The wheel and the sdist of what is committed, and the wheels of all that it needs."""

from __future__ import annotations

import hashlib
import os
import sys
import sysconfig
from pathlib import Path

from release.kept import kept
from release.source import REPOSITORY, Source, run

_CACHE = REPOSITORY / "var" / "wheels"
_LOCK = REPOSITORY / "requirements" / "aggregator.txt"
PIP = (sys.executable, "-m", "pip", "--quiet", "--no-input", "--disable-pip-version-check")


def distributions(source: Source, folder: Path) -> tuple[Path, Path]:
    """The wheel and the sdist, in `folder`, made by what requirements/build.txt has installed.

    The same bytes for the same commit. The page's uPlot is asked for anew, by its hash: what lies in a
    working tree is no part of a release. Raises `BuildError`.
    """
    env = {**os.environ, "SOURCE_DATE_EPOCH": str(source.epoch)}
    run(sys.executable, "-m", "hatchling", "build", "-d", str(folder), cwd=source.root, env=env)
    (wheel,) = folder.glob(f"coalmine-{source.version}-*.whl")
    return wheel, folder / f"coalmine-{source.version}.tar.gz"


def needed_wheels(python: str) -> Path:
    """A folder with a wheel of everything in the aggregator's lock file, kept until that changes.

    They are for this architecture and a version of Python such as "3.11". Raises `BuildError`.
    """
    made_of = f"{python} {sysconfig.get_platform()}\n".encode() + _LOCK.read_bytes()
    which = ("--only-binary=:all:", f"--python-version={python}", "--no-deps", "--require-hashes")

    def download(folder: Path) -> None:
        run(*PIP, "download", *which, f"--requirement={_LOCK}", f"--dest={folder}")

    return kept(_CACHE / hashlib.sha256(made_of).hexdigest()[:12], download)
