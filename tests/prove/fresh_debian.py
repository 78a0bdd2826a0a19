"""A minimal Debian 12 in a folder: made with debootstrap, kept as an archive, entered with chroot.

It has what a newcomer is told to have (Python with venv, make, git) and nothing else. How packages are
reached (apt's sources, pip's and npm's settings, certificates, name servers) is taken over from this
machine. Commands run in a mount and process namespace of their own, so that nothing of them outlives
the call: no process, no mount.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from release.kept import kept
from tests.servers.process import as_root

SUITE = "bookworm"
PACKAGES = ("python3-venv", "make", "git", "ca-certificates")
USER = "newcomer"
HOME = f"/home/{USER}"

_CACHE = Path(__file__).resolve().parents[2] / "var" / "debian"
_DEFAULT_MIRROR = "http://deb.debian.org/debian"
_BUILD_S = 600
_ROOT_ENV = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND": "noninteractive"}
PASSED_ON = re.compile(
    r"(PIP_\w+|npm_config_\w+|\w+_proxy|\w+_PROXY|SSL_CERT_FILE|REQUESTS_CA_BUNDLE|NODE_EXTRA_CA_CERTS)\Z"
)
_TAKEN_OVER = ("etc/resolv.conf", "etc/hosts", "etc/pip.conf", "etc/ssl/certs/ca-certificates.crt")

# Package scripts of a chroot must not start services, and what debootstrap wrote gives way to our apt.
_PREPARE = f"""
set -eu
apt-get update -qq
apt-get install -y -qq --no-install-recommends -o DPkg::Use-Pty=0 {" ".join(PACKAGES)} >/dev/null
useradd --create-home {USER}
apt-get clean
"""


_ADD = """
set -eu
apt-get update -qq
apt-get install -y -qq --no-install-recommends -o DPkg::Use-Pty=0 "$@" >/dev/null 2>&1
apt-get clean
"""


class Debian:
    """The system in `root`."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def run(self, script: str, env: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
        """Starts a shell script as the newcomer; its output, errors among it, can be read by line."""
        passed = {name: value for name, value in os.environ.items() if PASSED_ON.match(name)}
        full = {"HOME": HOME, "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", **passed, **(env or {})}
        argv = [
            *self._enter(),
            f"--userspec={USER}:{USER}",
            str(self.root),
            *_env(full),
            "sh",
            "-c",
            script,
        ]
        return subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def give(self, source: Path, name: str) -> None:
        """Puts a file into the newcomer's home."""
        target = self.root / HOME.lstrip("/") / name
        _as_root("install", "--mode=644", str(source), str(target))

    def as_root(self, script: str, *arguments: str) -> None:
        """Runs a shell script in it as root, with `$1` and so on. Raises RuntimeError."""
        shell = ["sh", "-c", script, "sh", *arguments]
        _run([*self._enter(), str(self.root), *_env(_ROOT_ENV), *shell])

    def remove(self) -> None:
        """The folder goes."""
        _as_root("rm", "-rf", "--one-file-system", str(self.root))

    def _enter(self) -> list[str]:
        namespaces = ["unshare", "--mount", "--pid", "--fork", "--kill-child"]
        return [*as_root(), *namespaces, f"--mount-proc={self.root}/proc", "chroot"]

    def unpack(self, archive: Path) -> None:
        """Fills the folder, which is empty."""
        _as_root("tar", "-x", "--numeric-owner", "-f", str(archive), "-C", str(self.root))
        self._take_over()

    def pack(self, archive: Path) -> None:
        """Keeps all of it."""
        kept_as = ("--numeric-owner", "--one-file-system")
        _as_root("tar", "-c", *kept_as, "-f", str(archive), "-C", str(self.root), ".")

    def _prepare(self) -> None:
        etc = self.root / "etc"
        _as_root("rm", "-f", str(etc / "apt/sources.list"))
        _as_root("cp", "-rT", "/etc/apt", str(etc / "apt"))
        self._take_over()
        _as_root("ln", "-sf", "/bin/false", str(self.root / "usr/sbin/policy-rc.d"))
        self.as_root(_PREPARE)
        self._take_over()  # what the packages' scripts wrote anew

    def _take_over(self) -> None:
        for name in _TAKEN_OVER:
            if Path("/", name).exists():
                _as_root("install", "-D", "--mode=644", f"/{name}", str(self.root / name))


def fresh_debian(folder: Path, packages: Sequence[str] = ()) -> Debian:
    """A new system in `folder`, with these packages besides; from the archive where there is one of the
    same making."""
    archive = _archive(tuple(packages))
    root = folder / "debian"
    _as_root("mkdir", "-m", "755", str(root))
    debian = Debian(root)
    try:
        debian.unpack(archive)
    except BaseException:
        debian.remove()
        raise
    return debian


def _archive(packages: tuple[str, ...]) -> Path:
    """That of a system with these packages, made where there is none of the same making."""

    def make(target: Path) -> None:
        with tempfile.TemporaryDirectory(prefix="coalmine-debian-") as scratch:
            debian = Debian(Path(scratch) / "debian")
            _as_root("mkdir", "-m", "755", str(debian.root))
            try:
                if packages:
                    debian.unpack(_archive(()))
                    debian.as_root(_ADD, *packages)
                else:
                    _bootstrap(debian)
                debian.pack(target)
            finally:
                debian.remove()

    return kept(_CACHE / f"{SUITE}-{_making(packages)}.tar", make)


def _bootstrap(debian: Debian) -> None:
    """Makes the system from packages."""
    program = shutil.which("debootstrap", path="/usr/sbin:/usr/bin:/sbin:/bin")
    if program is None:
        raise FileNotFoundError("debootstrap is missing: apt-get install debootstrap")
    _as_root(program, "--variant=minbase", SUITE, str(debian.root), _mirror())
    debian._prepare()


def _making(packages: tuple[str, ...]) -> str:
    """Changes whenever the system would be made otherwise."""
    recipe = repr((SUITE, PACKAGES, _PREPARE, _mirror(), *packages))
    return hashlib.sha256(recipe.encode()).hexdigest()[:12]


def _mirror() -> str:
    """Where this machine's apt gets Debian from."""
    folder = Path("/etc/apt")
    for path in (folder / "sources.list", *sorted(folder.glob("sources.list.d/*"))):
        if path.suffix in (".list", ".sources"):
            text = path.read_text() if path.exists() else ""
            found = re.search(
                r"^(?:deb |URIs:)[^\n#]*?(\w+://\S+/debian)/?(?:\s|$)", text, re.MULTILINE
            )
            if found:
                return found[1]
    return _DEFAULT_MIRROR


def _env(values: Mapping[str, str]) -> list[str]:
    return ["env", "-i", *(f"{name}={value}" for name, value in values.items())]


def _as_root(*argv: str) -> None:
    _run([*as_root(), *argv])


def _run(argv: Sequence[str]) -> None:
    done = subprocess.run(
        argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_BUILD_S, check=False
    )
    if done.returncode:
        said = done.stdout[-2000:] + done.stderr[-2000:]
        raise RuntimeError(f"{' '.join(argv[:8])}: status {done.returncode}\n{said}")
