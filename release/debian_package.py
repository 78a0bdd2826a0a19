"""The Debian package: one for each release of Debian and each architecture.

Debian 12 has neither all packages that Coalmine needs nor the versions of the lock file, so they come
along, in a virtual environment of the system's Python: that ties a package to the Python of its release
and, by what is compiled, to its architecture. Both stand in its name, `coalmine_0.1.0+deb12_amd64.deb`.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
from datetime import UTC, datetime
from email.utils import formatdate
from pathlib import Path

from release.installed_tree import HOME, InstalledTree
from release.licences import copyright_file
from release.source import BuildError, Source, run

_BY_HAND = "/opt/coalmine/current/bin/coalmine"
"""What the units of deploy/systemd run."""

_CHANGELOG = """\
coalmine ({version}) unstable; urgency=medium

  * What changed is told in CHANGELOG.md.

 -- {maintainer}  {date}
"""


def debian_version(version: str, system: dict[str, str]) -> str:
    """That of the package, from a version of Python's kind and /etc/os-release.

    `0.2.0rc1` sorts before `0.2.0`, and the same version for a later release of the system after that
    for an earlier one, so that an upgrade of the system replaces the package.
    """
    upstream = re.sub(r"\.?(a|b|rc|dev)(?=\d)", r"~\1", version)
    name = {"debian": "deb"}.get(system["ID"], system["ID"])
    return f"{upstream}+{name}{system['VERSION_ID']}"


def build_deb(source: Source, tree: InstalledTree, pages: Path, folder: Path) -> Path:
    """The package, in `folder`. Its own files are put among the sources. Raises `BuildError`."""
    if compiled := sorted(tree.root.rglob("*.pyc")):
        raise BuildError(f"{compiled[0]} was compiled while the package was built")
    debian = source.root / "debian"
    shutil.copytree(source.root / "deploy" / "debian", debian)
    shutil.copytree(tree.root, debian / "tree", symlinks=True)
    shutil.copytree(pages, debian / "man")
    _units(source.root / "deploy" / "systemd", debian)
    version = debian_version(source.version, platform.freedesktop_os_release())
    maintainer = re.search(r"^Maintainer: (.*)$", (debian / "control").read_text(), re.MULTILINE)
    assert maintainer
    date = formatdate(source.epoch)
    log = _CHANGELOG.format(version=version, maintainer=maintainer[1], date=date)
    (debian / "changelog").write_text(log)
    (debian / "copyright").write_text(
        copyright_file(tree.packages, datetime.fromtimestamp(source.epoch, UTC).year)
    )
    major, minor = map(int, tree.python.split("."))
    (debian / "python.substvars").write_text(
        f"python:Depends=python3 (>= {tree.python}~), python3 (<< {major}.{minor + 1}~)\n"
    )
    env = {**os.environ, "SOURCE_DATE_EPOCH": str(source.epoch), "LC_ALL": "C.UTF-8"}
    build = ("dpkg-buildpackage", "--build=binary", "--no-sign", "--no-check-builddeps")
    run(*build, cwd=source.root, env=env)
    (made,) = source.root.parent.glob("coalmine_*.deb")
    return Path(shutil.move(made, folder / made.name))


def _units(units: Path, debian: Path) -> None:
    for unit in units.glob("*.service"):
        text = unit.read_text().replace(_BY_HAND, f"{HOME}/bin/coalmine")
        (debian / f"coalmine.{unit.name}").write_text(text)
    for kind in ("sysusers", "tmpfiles"):
        shutil.copyfile(units / f"coalmine.{kind}", debian / f"coalmine.{kind}")
