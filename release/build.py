"""The steps of a build, in their order."""

from __future__ import annotations

from pathlib import Path

from release.debian_package import build_deb
from release.installed_tree import InstalledTree, install
from release.source import REPOSITORY, Source, export, run
from release.wheels import distributions


def build_package(work: Path, folder: Path) -> Path:
    """The Debian package alone, in `folder`; `work` must not be there. Raises `BuildError`."""
    source = export(work / "source")
    wheel, _ = distributions(source, work / "dist")
    tree = install(source, wheel, work / "tree")
    return build_deb(source, tree, man_pages(source, tree, work / "man"), folder)


def man_pages(source: Source, tree: InstalledTree, folder: Path) -> Path:
    """The man pages of what is in the tree, in `folder`."""
    writer = (str(tree.interpreter), "-B", "-m", "release.man_pages")
    run(*writer, str(folder), str(source.epoch), cwd=REPOSITORY)
    return folder
