"""`python -m release all`, or `deb` for the Debian package alone: `make release` and `make deb`."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from release.build import build_package, build_release
from release.source import BuildError, uncommitted
from release.sums import UNSIGNED


def main() -> None:
    """Parses the command line; a step that fails ends it with status 1 and what the step said."""
    parser = argparse.ArgumentParser(prog="release", description="Build a release of a commit.")
    parser.add_argument("what", choices=("all", "deb"))
    parser.add_argument("--to", type=Path, default=Path("dist"), help="the folder; `all` replaces it")
    parser.add_argument("--commit", default="HEAD", help="of what, as git names it")
    parser.add_argument("--key", type=Path, help="a private key, Ed25519, PEM; unsigned without")
    given = parser.parse_args()
    if given.commit == "HEAD" and uncommitted():
        print("what is not committed is not in it: git status lists that", file=sys.stderr)
    try:
        with tempfile.TemporaryDirectory(prefix="coalmine-release-") as scratch:
            _build(given.what, given.commit, Path(scratch), given.to, given.key)
    except BuildError as error:
        sys.exit(str(error))


def _build(what: str, commit: str, scratch: Path, to: Path, key: Path | None) -> None:
    if what == "deb":
        to.mkdir(parents=True, exist_ok=True)
        print(build_package(commit, scratch / "work", to))
        return
    made = scratch / "made"
    made.mkdir()
    build_release(commit, scratch / "work", made, key)
    if to.exists():
        shutil.rmtree(to)
    shutil.copytree(made, to)
    for path in sorted(to.iterdir()):
        print(path)
    if key is None:
        print((to / UNSIGNED).read_text(), end="", file=sys.stderr)


if __name__ == "__main__":
    main()
