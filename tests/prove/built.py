"""What is built of the newest commit, once for all proofs that take it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from coalmine_runtime import clock
from release import wheels
from release.build import build_release
from release.kept import kept
from release.source import REPOSITORY, export, run

_BUILT = REPOSITORY / "var" / "built"
_FORGOTTEN_AFTER_S = 86_400.0


def needed_wheels() -> Path:
    """A folder with a wheel of all that the aggregator's lock file names, for Debian 12."""
    return wheels.needed_wheels("3.11")


def built_wheel() -> Path:
    """The wheel alone."""

    def build(commit: str, scratch: Path, target: Path) -> None:
        wheels.distributions(export(scratch / "source", commit), target)

    (wheel,) = _built("distributions", build).glob("*.whl")
    return wheel


def built_release() -> Path:
    """The folder of a release, signed by `signing_key`."""

    def build(commit: str, scratch: Path, target: Path) -> None:
        build_release(commit, scratch / "work", target, signing_key())

    return _built("release", build)


def signing_key() -> Path:
    """The key that signs releases here."""
    return kept(_BUILT / "signing.pem", make_key)


def make_key(path: Path) -> None:
    """Writes a private key, Ed25519."""
    run("openssl", "genpkey", "-algorithm", "ed25519", "-out", str(path))


def _built(name: str, build: Callable[[str, Path, Path], None]) -> Path:
    commit = run("git", "-C", str(REPOSITORY), "rev-parse", "HEAD").strip()

    def make(target: Path) -> None:
        _forget()
        target.mkdir()
        with tempfile.TemporaryDirectory(prefix="coalmine-built-") as scratch:
            build(commit, Path(scratch), target)

    return kept(_BUILT / f"{name}-{commit[:12]}", make)


def _forget() -> None:
    """Other commits' go once no run can be at work with them."""
    for path in _BUILT.glob("*-*/"):
        if path.stat().st_mtime < clock.wall() - _FORGOTTEN_AFTER_S:
            shutil.rmtree(path)
