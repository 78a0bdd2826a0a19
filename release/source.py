"""The sources of a release: those of a commit, as they were committed."""

from __future__ import annotations

import os
import subprocess
import tomllib
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True)
class Source:
    """`root` has what is committed and nothing else; `epoch` is when, in seconds since 1970."""

    root: Path
    version: str
    epoch: int


def export(folder: Path, commit: str = "HEAD") -> Source:
    """Writes a commit's files to `folder`, which must not be there. Raises `BuildError`."""
    epoch = int(run("git", "-C", str(REPOSITORY), "log", "-1", "--format=%ct", commit, "--"))
    folder.mkdir(parents=True)
    folder.chmod(0o755)
    archive = folder.with_suffix(".tar")
    run("git", "-C", str(REPOSITORY), "-c", "tar.umask=022", "archive", f"--output={archive}", commit)
    run("tar", "-x", "-p", "-f", str(archive), "-C", str(folder))
    archive.unlink()
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    return Source(folder, project["version"], epoch)


def uncommitted() -> list[str]:
    """What differs from the newest commit, a line of git for each file."""
    return run("git", "-C", str(REPOSITORY), "status", "--porcelain").splitlines()


class BuildError(Exception):
    """A step failed; the text says which one and what it said."""


def run(
    *argv: str, cwd: Path | None = None, env: dict[str, str] | None = None, deadline_s: float = 900
) -> str:
    """Standard output of a program. Raises `BuildError`.

    Whatever it imports, it leaves no compiled file beside it: that would be packed with the rest.
    """
    try:
        done = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            cwd=cwd,
            env={**(os.environ if env is None else env), "PYTHONDONTWRITEBYTECODE": "1"},
            timeout=deadline_s,
            check=False,
        )
    except FileNotFoundError:
        raise BuildError(f"{argv[0]} is missing: `make servers` installs what Debian has") from None
    except subprocess.TimeoutExpired:
        raise BuildError(f"{' '.join(argv[:4])}: not done after {deadline_s:.0f} s") from None
    if done.returncode:
        said = (done.stdout[-2000:] + done.stderr[-4000:]).strip()
        raise BuildError(f"{' '.join(argv[:4])}: status {done.returncode}\n{said}")
    return done.stdout
