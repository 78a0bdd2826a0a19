"""A copy of the site as files, for a host away from here, replaced as a whole. Blocks.

`DIR` is a symbolic link to the newest of the versions, which lie beside it in `.DIR.versions`. A
version is complete and on the disk before the link is made to name it, by one rename; so whoever opens
`DIR` finds one version, and it stays for a while after the next has come. A version that was cut short
is never named, and goes when the next export begins: however often one fails, there is one at most.

Files that did not change are the same files: each version links to those of the one before.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from coalmine_aggregator.status.documents import Document

KEPT: Final = 3
"""Versions that stay: the newest, and some before it for those who are still reading them."""

_VERSION: Final = re.compile(r"v([0-9]{1,12})\Z")
_LINK: Final = "next"
_LOCK: Final = "lock"
_FILE_MODE: Final = 0o644
_FOLDER_MODE: Final = 0o755


class ExportError(Exception):
    """The copy cannot be written; one line that says why."""


def check_target(target: Path) -> None:
    """Raises `ExportError` for what an export may not replace: anything but nothing, an empty folder,
    or what an export made."""
    if not target.name:
        raise ExportError(f"{target}: is no folder that could be replaced")
    if target.is_symlink():
        if _current(target) is None:
            raise ExportError(f"{target}: is a link that no export made; give another folder")
        return
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise ExportError(f"{target}: holds something that no export wrote; give another folder")


def export(documents: Mapping[str, Document], target: Path) -> int:
    """Makes `target` a copy of the site; gives how many files it has. Raises `ExportError`."""
    target = Path(os.path.abspath(target))  # noqa: PTH100 - a link at its end is not to be followed
    try:
        check_target(target)
        versions = _versions(target)
        versions.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
        versions.chmod(_FOLDER_MODE)
        with _alone(versions):
            before = _current(target)
            folder = versions / f"v{max(_numbered(versions), default=0) + 1:06}"
            _let_go_unnamed(versions, before)
            _write(documents, folder, None if before is None else versions / before)
            _sync(versions)
            _name(target, versions, folder.name)
            _let_go_old(versions)
    except OSError as error:
        raise ExportError(f"{error.filename or target}: {error.strerror or error}") from None
    return len(documents)


def _versions(target: Path) -> Path:
    return target.with_name(f".{target.name}.versions")


def _current(target: Path) -> str | None:
    """The version that a target names; None where it names none of an export's."""
    try:
        named = target.readlink()
    except OSError:
        return None
    ours = named.parent == Path(_versions(target).name) and _VERSION.match(named.name)
    return named.name if ours else None


def _numbered(versions: Path) -> dict[int, Path]:
    return {int(match[1]): each for each in versions.iterdir() if (match := _VERSION.match(each.name))}


@contextlib.contextmanager
def _alone(versions: Path) -> Iterator[None]:
    """No other export goes on meanwhile. Raises `ExportError` where one does."""
    descriptor = os.open(versions / _LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ExportError(f"{versions}: another export is going on") from None
        yield
    finally:
        os.close(descriptor)


def _write(documents: Mapping[str, Document], folder: Path, before: Path | None) -> None:
    folders = {folder}
    _make(folder)
    for name, document in sorted(documents.items()):
        path = _inside(folder, name)
        for parent in reversed(path.relative_to(folder).parents[:-1]):
            if folder / parent not in folders:
                folders.add(folder / parent)
                _make(folder / parent)
        if before is None or not _is_linked(before / name, path, document):
            _put(path, document)
    for each in sorted(folders, reverse=True):  # what lies inside first
        _sync(each)


def _inside(folder: Path, name: str) -> Path:
    """Raises `ExportError` for a name that leads out of the folder."""
    parts = name.split("/")
    if any(part in ("", ".", "..") for part in parts):
        raise ExportError(f"{name!r}: is no name of a file")
    return folder.joinpath(*parts)


def _make(folder: Path) -> None:
    folder.mkdir()
    folder.chmod(_FOLDER_MODE)  # whatever the mask: it is public


def _is_linked(old: Path, path: Path, document: Document) -> bool:
    """Whether the file of the version before could be taken."""
    try:
        if old.stat().st_size != len(document.body) or old.read_bytes() != document.body:
            return False
        path.hardlink_to(old)
    except OSError:
        return False
    return True


def _put(path: Path, document: Document) -> None:
    with path.open("xb") as file:
        file.write(document.body)
        file.flush()
        os.fchmod(file.fileno(), _FILE_MODE)
        # Hosts tell this time to browsers and caches.
        os.utime(file.fileno(), (document.last_modified, document.last_modified))
        os.fsync(file.fileno())


def _name(target: Path, versions: Path, version: str) -> None:
    """Makes the target name a version."""
    link = versions / _LINK
    link.unlink(missing_ok=True)
    link.symlink_to(Path(versions.name) / version)
    if target.is_dir() and not target.is_symlink():
        target.rmdir()  # it is empty, or this raises
    link.replace(target)
    _sync(target.parent)


def _let_go_unnamed(versions: Path, named: str | None) -> None:
    """Removes what was cut short: whatever came after the version that a target names, all where it
    names none. Before anything is written, since it may be what fills the disk."""
    last = 0 if named is None else int(named.removeprefix("v"))
    for number, folder in _numbered(versions).items():
        if number > last:
            shutil.rmtree(folder)


def _let_go_old(versions: Path) -> None:
    """Removes all but the newest versions."""
    for _, folder in sorted(_numbered(versions).items(), reverse=True)[KEPT:]:
        shutil.rmtree(folder)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
