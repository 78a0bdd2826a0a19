"""What an installation takes: the wheel of what is committed, and those of all that it needs."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from release import wheels
from release.source import REPOSITORY

__all__ = ["REPOSITORY", "build_wheel", "needed_wheels"]

PYTHON = "3.11"
"""That of Debian 12."""

_VENDORED = "aggregator/coalmine_aggregator/web/static/vendor"
_PIP = (sys.executable, "-m", "pip", "--quiet", "--no-input", "--disable-pip-version-check")


def build_wheel(folder: Path, change: Callable[[Path], None] = lambda _source: None) -> Path:
    """The wheel of what is committed, made in `folder`, once `change` had its way with the sources."""
    source = folder / "source"
    source.mkdir()
    archive = subprocess.run(
        ["git", "-C", str(REPOSITORY), "archive", "HEAD"], check=True, capture_output=True
    )
    subprocess.run(["tar", "-x", "-C", str(source)], input=archive.stdout, check=True)
    if (vendored := REPOSITORY / _VENDORED).is_dir():  # what the build would ask npm for
        shutil.copytree(vendored, source / _VENDORED)
    change(source)
    _pip("wheel", "--no-deps", "--no-build-isolation", f"--wheel-dir={folder}", str(source))
    (wheel,) = folder.glob("coalmine-*.whl")
    return wheel


def needed_wheels() -> Path:
    """A folder with a wheel of everything in the aggregator's lock file, kept until that changes."""
    return wheels.needed_wheels(PYTHON)


def _pip(*arguments: str) -> None:
    done = subprocess.run([*_PIP, *arguments], capture_output=True, text=True, timeout=600, check=False)
    if done.returncode:
        raise RuntimeError(f"pip {arguments[0]}: status {done.returncode}\n{done.stderr[-2000:]}")
