"""Images and containers of podman, in a store of their own that goes with them.

The base image is not pulled: it is a Debian of `tests.prove.fresh_debian`, which has Python.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.prove.fresh_debian import PASSED_ON, fresh_debian
from tests.servers.process import as_root, executable

BASE = "localhost/base"

# As a cluster that trusts nobody would run them. The limits are below those of any machine: podman
# would raise them otherwise, which not every root may.
_CONFINED = (
    "--read-only",
    "--cap-drop=all",
    "--security-opt=no-new-privileges",
    "--ulimit=nofile=4096:4096",
    "--ulimit=nproc=4096:4096",
)


class Podman:
    """Containers and images below `folder`."""

    def __init__(self, folder: Path) -> None:
        self._store = folder / "store"
        self._run = Path(tempfile.mkdtemp(prefix="coalmine-run-"))  # it takes 50 characters
        self._podman = [
            *as_root(),
            executable("podman", "podman"),
            f"--root={self._store}",
            f"--runroot={self._run}",
            "--cgroup-manager=cgroupfs",
            "--events-backend=file",
            f"--runtime={executable('runc', 'runc')}",
        ]
        self._started: list[str] = []

    def call(self, *argv: str, check: bool = True, deadline_s: float = 60.0) -> str:
        """What podman says; AssertionError where it fails and that is checked."""
        done = subprocess.run(
            [*self._podman, *argv], capture_output=True, text=True, timeout=deadline_s, check=False
        )
        assert done.returncode == 0 or not check, (
            f"{argv}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        )
        return done.stdout

    def import_base(self, folder: Path) -> None:
        """Makes `BASE`, with what pip and npm are told here."""
        debian = fresh_debian(folder)
        told = [
            f"--change=ENV {name}={value}"
            for name, value in os.environ.items()
            if PASSED_ON.match(name)
        ]
        try:
            tar = [*as_root(), "tar", "-c", "--numeric-owner", "-C", str(debian.root), "."]
            with subprocess.Popen(tar, stdout=subprocess.PIPE) as packed:
                podman = [*self._podman, "import", "--quiet", *told, "-", BASE]
                done = subprocess.run(
                    podman, stdin=packed.stdout, check=False, capture_output=True, timeout=300
                )
            assert done.returncode == 0, done.stderr.decode()
        finally:
            debian.remove()

    def build(self, context: Path, containerfile: str, tag: str, **arguments: str) -> None:
        """Builds an image; `arguments` are those of the Containerfile."""
        told = [f"--build-arg={name}={value}" for name, value in arguments.items()]
        where = [f"--file={context / containerfile}", f"--tag={tag}", str(context)]
        self.call("build", "--isolation=chroot", "--network=host", *told, *where, deadline_s=600)

    def run(self, image: str, *argv: str, options: Sequence[str] = ()) -> str:
        """What a container says that ends by itself."""
        return self.call("run", "--rm", "--network=none", *_CONFINED, *options, image, *argv)

    def start(self, name: str, image: str, *argv: str, options: Sequence[str] = ()) -> None:
        """Starts one that stays. Its network is loopback alone, unless the options say otherwise."""
        network = () if any(each.startswith("--network=") for each in options) else ("--network=none",)
        self._started.append(name)
        self.call("run", "--detach", f"--name={name}", *network, *_CONFINED, *options, image, *argv)

    def stop(self, name: str) -> int:
        """Ends one by SIGTERM; its exit status."""
        self.call("stop", "--time=20", name)
        return int(self.call("inspect", "--format={{.State.ExitCode}}", name))

    def pid(self, name: str) -> int:
        """Of its first process, as this machine numbers it."""
        return int(self.call("inspect", "--format={{.State.Pid}}", name))

    def _is_ours(self, path: Path) -> bool:
        return path.is_relative_to(self._store) or path.is_relative_to(self._run)

    def remove(self) -> None:
        """Everything goes. Not by podman's own reset: that takes networks along which are not ours."""
        for name in reversed(self._started):
            self.call("rm", "--force", "--time=1", name, check=False)
        mounts = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
        for mount in reversed([each for each in mounts if self._is_ours(Path(each))]):
            subprocess.run([*as_root(), "umount", mount], check=True)
        ours = (str(self._store), str(self._run))
        subprocess.run([*as_root(), "rm", "-rf", "--one-file-system", *ours], check=True)


@contextlib.contextmanager
def podman(folder: Path) -> Iterator[Podman]:
    """With an empty store in `folder`."""
    made = Podman(folder)
    try:
        yield made
    finally:
        made.remove()
