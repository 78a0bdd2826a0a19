"""A fresh Debian whose first process is systemd, in a container of systemd-nspawn.

It has a network of its own, with loopback alone, so that any port is free. It is ready when its
systemd says so, it ends when nspawn is told to end, and with nspawn everything of it is gone:
processes, mounts, control groups. It is ended as well when the tests die.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from coalmine_runtime import clock
from tests.prove.fresh_debian import Debian, fresh_debian
from tests.servers.process import as_root, executable
from tests.servers.waiting import until

PACKAGES = ("systemd-sysv", "dbus")

BOOT_S = 60.0
END_S = 60.0

_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
_NAMESPACES = ("--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup", "--root")

# Two containers below one control group would take each other's services for their own. Where systemd
# runs this machine, it gives nspawn a group; elsewhere one is made here. $1 is its name.
_OWN_GROUP = """
set -eu
for hierarchy in /sys/fs/cgroup /sys/fs/cgroup/systemd /sys/fs/cgroup/unified; do
  [ -w "$hierarchy/cgroup.procs" ] || continue
  mkdir "$hierarchy/$1"
  echo $$ >"$hierarchy/$1/cgroup.procs"
done
shift
exec "$@"
"""
_NO_GROUP = """
for group in /sys/fs/cgroup/"$1" /sys/fs/cgroup/*/"$1"; do
  [ ! -d "$group" ] || find "$group" -depth -type d -exec rmdir {} \\;
done
"""

T = TypeVar("T")


class BootedDebian:
    """A system that runs. Commands are run in it as root."""

    def __init__(self, debian: Debian, log: Path, binds: Mapping[Path, str]) -> None:
        self.root = debian.root
        self._log = log
        self._binds = binds
        self._group = f"coalmine-{os.getpid()}-{os.urandom(3).hex()}"
        self._leader = 0
        self._nspawn: subprocess.Popen[bytes] | None = None

    def boot(self) -> None:
        """Starts it and waits until systemd has started all that it should, and nothing has failed."""
        folder = Path(tempfile.mkdtemp(prefix="coalmine-boot-"))  # a short path: a socket's is bounded
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
                told.bind(str(folder / "notify"))
                told.settimeout(0.2)
                self._nspawn = self._spawn(folder / "notify")
                self._leader = self._until_ready(told)
        finally:
            shutil.rmtree(folder)
        self.run("systemctl", "is-system-running", "--wait")

    def stop(self) -> None:
        """Shuts it down; nothing of it is left but the folder."""
        nspawn, self._nspawn = self._nspawn, None
        if nspawn is None:
            return
        try:
            _signal("TERM", nspawn)  # nspawn asks systemd to halt
            nspawn.wait(END_S)
        except subprocess.TimeoutExpired:
            _signal("KILL", nspawn)
            nspawn.wait()
            raise AssertionError(f"did not shut down within {END_S} s\n{self._said()}") from None
        finally:
            subprocess.run([*as_root(), "sh", "-c", _NO_GROUP, "sh", self._group], check=True)
        mounts = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
        assert [mount for mount in mounts if mount.startswith(str(self.root))] == []

    def reboot(self) -> None:
        """As if the machine was started anew."""
        self.stop()
        self.boot()

    def run(self, *argv: str, given: str = "", check: bool = True, deadline_s: float = 60.0) -> str:
        """Standard output of a command, and standard error where `check` is false.

        AssertionError where it fails and that is checked.
        """
        done = subprocess.run(
            [*self.entering, *argv],
            input=given,
            capture_output=True,
            text=True,
            timeout=deadline_s,
            check=False,
        )
        if check:
            assert done.returncode == 0, f"{argv}: {done.returncode}\n{done.stdout}\n{done.stderr}"
            return done.stdout
        return done.stdout + done.stderr

    @property
    def entering(self) -> list[str]:
        """What stands before a command of this machine's that is to be run in there."""
        enter = ["nsenter", f"--target={self._leader}", *_NAMESPACES]
        inside = [
            "env",
            "--ignore-environment",
            "--chdir=/",
            f"PATH={_PATH}",
            "LANG=C.UTF-8",
            "HOME=/root",
        ]
        return [*as_root(), *enter, *inside]

    def succeeds(self, *argv: str) -> bool:
        """Whether a command does."""
        return self.run("sh", "-c", '"$@" >/dev/null 2>&1 && echo 0', "sh", *argv, check=False) == "0\n"

    def fails(self, *argv: str) -> str:
        """What a command said that must fail."""
        ended = self.run("sh", "-c", '"$@" 2>&1; echo $?', "sh", *argv)
        *said, status = ended.splitlines()
        assert status != "0", f"{argv}: did not fail\n{ended}"
        return "\n".join(said)

    def give(self, source: Path, target: str) -> None:
        """Puts a file of this machine there."""
        path = str(self.root / target.lstrip("/"))
        subprocess.run([*as_root(), "install", "-D", "--mode=644", str(source), path], check=True)

    def write(self, target: str, text: str, mode: str = "644") -> None:
        """Puts a text there; an existing file keeps its owner."""
        script = 'mkdir -p "$(dirname "$1")" && cat >"$1" && chmod "$2" "$1"'
        self.run("sh", "-c", script, "sh", target, mode, given=text)

    def show(self, unit: str, name: str) -> str:
        """A property of a unit."""
        return self.run("systemctl", "show", f"--property={name}", "--value", unit).strip()

    def journal(self, unit: str, *options: str) -> list[dict[str, Any]]:
        """What the journal has of a unit, oldest first."""
        lines = self.run("journalctl", "--output=json", f"--unit={unit}", "--all", *options)
        return [json.loads(line) for line in lines.splitlines()]

    def messages(self, unit: str, *options: str) -> list[str]:
        """The texts of that alone."""
        return [str(entry.get("MESSAGE", "")) for entry in self.journal(unit, *options)]

    def until(self, condition: Callable[[], T], *, deadline_s: float, what: str) -> T:
        """The first true value of `condition`. AssertionError after the deadline."""

        async def asked() -> T:
            return await asyncio.to_thread(condition)

        try:
            return asyncio.run(until(asked, deadline_s=deadline_s, what=what))
        except AssertionError as error:
            journal = self.run("journalctl", "--no-pager", "--lines=40", "--unit=coalmine-*")
            raise AssertionError(f"{error}\n{journal}") from None

    def _spawn(self, notify: Path) -> subprocess.Popen[bytes]:
        booted = Path("/run/systemd/system").is_dir()
        argv = [
            *as_root(),
            *("setpriv", "--pdeathsig=KILL"),
            *("env", f"NOTIFY_SOCKET={notify}"),
            *([] if booted else ["sh", "-c", _OWN_GROUP, "sh", self._group]),
            executable("systemd-nspawn", "systemd-container"),
            *("--quiet", "--boot", "--register=no", *([] if booted else ["--keep-unit"])),
            *("--notify-ready=yes", "--console=pipe", "--private-network", "--link-journal=no"),
            *("--resolv-conf=off", "--timezone=off", f"--machine={self._group}"),
            *(f"--bind-ro={source}:{target}" for source, target in self._binds.items()),
            f"--directory={self.root}",
        ]
        with self._log.open("ab") as output:
            return subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=output, stderr=output)

    def _until_ready(self, told: socket.socket) -> int:
        """The process id of its systemd, once that has said that it is ready."""
        assert self._nspawn is not None
        leader, end = 0, clock.monotonic() + BOOT_S
        while clock.monotonic() < end:
            if self._nspawn.poll() is not None:
                raise AssertionError(f"nspawn ended\n{self._said()}")
            try:
                lines = told.recv(4096).decode().splitlines()
            except TimeoutError:
                continue
            fields = dict(line.split("=", 1) for line in lines)
            leader = int(fields.get("X_NSPAWN_LEADER_PID", leader))
            if fields.get("READY") == "1" and leader:
                return leader
        raise AssertionError(f"not booted within {BOOT_S} s\n{self._said()}")

    def _said(self) -> str:
        return self._log.read_text(errors="replace")[-4000:]


@contextlib.contextmanager
def booted_debian(
    folder: Path, binds: Mapping[Path, str] | None = None, packages: Sequence[str] = ()
) -> Iterator[BootedDebian]:
    """A new system that runs, with folders of this machine (`binds`: to where) to be read there, and
    with these packages besides."""
    debian = fresh_debian(folder, (*PACKAGES, *packages))
    booted = BootedDebian(debian, folder / "console", binds or {})
    try:
        debian.as_root("rm -f /usr/sbin/policy-rc.d")  # here services may start
        booted.boot()
        yield booted
    finally:
        try:
            booted.stop()
        finally:
            debian.remove()


def _signal(name: str, process: subprocess.Popen[bytes]) -> None:
    # By root's kill: where it runs under sudo, that hands the signal on.
    subprocess.run([*as_root(), "kill", f"-{name}", str(process.pid)], check=True)
