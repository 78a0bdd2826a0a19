"""The steps of a build, in their order."""

from __future__ import annotations

import gzip
import io
import shutil
import tarfile
from pathlib import Path

from release.debian_package import build_deb
from release.installed_tree import InstalledTree, install
from release.source import REPOSITORY, Source, export, run
from release.sums import seal
from release.wheels import distributions

BESIDE = ("requirements/base.txt", "requirements/aggregator.txt", "deploy/install/install.sh")
"""What an installation from the wheel takes besides."""


def build_release(commit: str, work: Path, folder: Path, key: Path | None) -> None:
    """A release in `folder`, which must be empty, signed with `key` where there is one.

    `work` must not be there. The same bytes for the same commit. Raises `BuildError`.
    """
    from release.bill_of_materials import (
        write_bill,
    )  # by a tool of developers, that a package needs not

    source = export(work / "source", commit)
    wheel, _ = distributions(source, folder)
    for name in BESIDE:
        shutil.copy(source.root / name, folder)
    tree = install(source, wheel, work / "tree")
    write_bill(source, tree, folder / f"coalmine-{source.version}.cdx.json")
    pages = man_pages(source, tree, work / "man")
    pack(pages, folder / f"coalmine-{source.version}-man.tar.gz", source.epoch)
    build_deb(source, tree, pages, folder)
    seal(folder, key)


def build_package(commit: str, work: Path, folder: Path) -> Path:
    """The Debian package alone, in `folder`; `work` must not be there. Raises `BuildError`."""
    source = export(work / "source", commit)
    wheel, _ = distributions(source, work / "dist")
    tree = install(source, wheel, work / "tree")
    return build_deb(source, tree, man_pages(source, tree, work / "man"), folder)


def man_pages(source: Source, tree: InstalledTree, folder: Path) -> Path:
    """The man pages of what is in the tree, in `folder`."""
    writer = (str(tree.interpreter), "-B", "-m", "release.man_pages")
    run(*writer, str(folder), str(source.epoch), cwd=REPOSITORY)
    return folder


def pack(pages: Path, archive: Path, epoch: int) -> None:
    """The man pages as an archive, to be unpacked below a folder such as /usr/local/share."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for page in sorted(pages.iterdir()):
            entry = tarfile.TarInfo(f"man/man1/{page.name}")
            text = page.read_bytes()
            entry.size, entry.mtime, entry.mode = len(text), epoch, 0o644
            tar.addfile(entry, io.BytesIO(text))
    archive.write_bytes(gzip.compress(made.getvalue(), mtime=epoch))
