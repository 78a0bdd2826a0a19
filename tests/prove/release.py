"""A release as operators get it, of what is committed: wheel, lock files, install.sh, signed sums."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from tests.prove.wheels import REPOSITORY, build_wheel

LOCKS = ("base.txt", "aggregator.txt")
KEY = "coalmine-release.pem"


def make_keys(folder: Path) -> Path:
    """A key that signs; its public half is `coalmine-release.pem` beside it."""
    private = folder / "signing.pem"
    _run("openssl", "genpkey", "-algorithm", "ed25519", "-out", str(private))
    _run("openssl", "pkey", "-in", str(private), "-pubout", "-out", str(folder / KEY))
    return private


def make_release(
    folder: Path, signing: Path, version: str, change: Callable[[Path], None] = lambda _source: None
) -> Path:
    """The folder of a release of that version, whose sources were changed besides."""

    def changed(source: Path) -> None:
        for name in ("pyproject.toml", "agent/coalmine_runtime/version.py"):
            path = source / name
            path.write_text(path.read_text().replace('"0.1.0"', f'"{version}"'))
        change(source)

    build, release = folder / f"build-{version}", folder / version
    build.mkdir()
    release.mkdir()
    wheel = build_wheel(build, changed)
    shutil.copy(wheel, release)
    for name in LOCKS:
        shutil.copy(REPOSITORY / "requirements" / name, release)
    shutil.copy(REPOSITORY / "deploy/install/install.sh", release)
    shutil.copy(signing.parent / KEY, release)
    sign(release, signing)
    return release


def sign(release: Path, signing: Path) -> None:
    """Writes the checksums of what is there, and their signature."""
    names = sorted(path.name for path in release.iterdir() if not path.name.startswith("SHA256SUMS"))
    sums = [f"{hashlib.sha256((release / name).read_bytes()).hexdigest()}  {name}\n" for name in names]
    (release / "SHA256SUMS").write_text("".join(sums))
    _run(
        *("openssl", "pkeyutl", "-sign", "-rawin", "-inkey", str(signing)),
        *("-in", str(release / "SHA256SUMS"), "-out", str(release / "SHA256SUMS.sig")),
    )


def _run(*argv: str) -> None:
    subprocess.run(argv, check=True, capture_output=True, timeout=60)
