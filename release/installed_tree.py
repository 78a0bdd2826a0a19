"""Coalmine as the Debian package has it: a virtual environment of the system's Python below one folder.

It is made by hand, out of wheels alone: no pip in it, no script but ours, no compiled file, and no path
of the machine that made it, so that it is the same bytes wherever it is made.
"""

from __future__ import annotations

import csv
import shutil
from dataclasses import dataclass
from pathlib import Path

from release.source import BuildError, Source, run
from release.wheels import PIP, needed_wheels

HOME = "/usr/lib/coalmine"
"""Where it will be."""

_LAUNCHER = f"""#!{HOME}/bin/python3
import sys

from coalmine_cli.main import main

sys.exit(main())
"""


@dataclass(frozen=True, slots=True)
class InstalledTree:
    """`root` becomes `HOME`; `python` is a version such as "3.11"."""

    root: Path
    python: str

    @property
    def interpreter(self) -> Path:
        """The Python that imports what is in it."""
        return self.root / "bin" / "python3"

    @property
    def packages(self) -> Path:
        """Where the modules are."""
        return self.root / "lib" / f"python{self.python}" / "site-packages"


def install(source: Source, wheel: Path, root: Path) -> InstalledTree:
    """Makes the tree, by the lock file with its hashes. Raises `BuildError`."""
    asked = "import sys; print('%d.%d' % sys.version_info[:2])"
    python = run("/usr/bin/python3", "-I", "-c", asked).strip()
    tree = InstalledTree(root, python)
    _skeleton(tree)
    lock = source.root / "requirements" / "aggregator.txt"
    pip = (*PIP, "--isolated", f"--python={tree.interpreter}", "install", "--no-index", "--no-deps")
    links = (f"--find-links={needed_wheels(python)}", f"--find-links={wheel.parent}")
    run(*pip, "--no-compile", *links, "--require-hashes", f"--requirement={lock}")
    run(*pip, "--no-compile", *links, f"coalmine=={source.version}")
    _keep_only_ours(tree)
    run(str(tree.interpreter), "-I", "-B", str(root / "bin" / "coalmine"), "--version")
    return tree


def _skeleton(tree: InstalledTree) -> None:
    tree.packages.mkdir(parents=True)
    (tree.root / "bin").mkdir()
    tree.interpreter.symlink_to(f"/usr/bin/python{tree.python}")
    (tree.root / "pyvenv.cfg").write_text(
        f"home = /usr/bin\ninclude-system-site-packages = false\nversion = {tree.python}\n"
    )


def _keep_only_ours(tree: InstalledTree) -> None:
    """Other scripts go, and what tells of them; so do headers and the like beside `lib`."""
    for path in tree.root.iterdir():
        if path.name not in ("bin", "lib", "pyvenv.cfg"):
            shutil.rmtree(path)
    for script in (tree.root / "bin").iterdir():
        if script != tree.interpreter:
            script.unlink()
    launcher = tree.root / "bin" / "coalmine"
    launcher.write_text(_LAUNCHER)
    launcher.chmod(0o755)
    for record in sorted(tree.packages.glob("*.dist-info/RECORD")):
        with record.open(newline="") as file:
            rows = [row for row in csv.reader(file) if not row[0].startswith("../")]
        if missing := [row[0] for row in rows if not (tree.packages / row[0]).is_file()]:
            raise BuildError(f"{record.parent.name}: {missing[0]} is not there")
        with record.open("w", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows(rows)
