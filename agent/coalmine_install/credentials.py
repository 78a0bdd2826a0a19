"""The credentials that a service will find once it starts anew: not those that it started with."""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

VARIABLE = "CREDENTIALS_DIRECTORY"
_OURS = "coalmine.*"


@contextlib.contextmanager
def as_started(env: Mapping[str, str], root: Path = Path("/")) -> Iterator[dict[str, str]]:
    """The environment with a folder of credentials, while it is needed: what lies in `/etc/credstore`
    now, and what the service has besides.

    `env` is that of the service where it runs. What is encrypted for this host is decrypted into a
    folder for root alone, below `/run` and so in memory; what cannot be decrypted is left out.
    """
    now, memory = root / "etc/credstore", root / "run"
    where = memory if os.access(memory, os.W_OK) else None  # who is not root sees no secret anyway
    with tempfile.TemporaryDirectory(prefix="coalmine-", dir=where) as name:
        folder = Path(name)
        for each in (root / "etc/credstore.encrypted").glob(_OURS):
            _decrypt(each, folder / each.name)
        for there in (Path(env.get(VARIABLE, now)), now):
            for each in there.glob("*"):
                (folder / each.name).unlink(missing_ok=True)
                (folder / each.name).symlink_to(each)
        yield {**env, VARIABLE: name}


def _decrypt(source: Path, target: Path) -> None:
    done = subprocess.run(  # noqa: S603
        ["systemd-creds", "decrypt", f"--name={source.name}", source, target],  # noqa: S607
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    if done.returncode:
        target.unlink(missing_ok=True)
