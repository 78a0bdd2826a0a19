"""A copy of an aggregator's SQLite store beside it, for the time that a new version takes to prove itself.

    keep_store.py keep STORE       # also while an aggregator writes to it
    keep_store.py restore STORE    # while none runs; only where its schema is another one than the copy's
    keep_store.py drop STORE
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import sys


def revision(path: str) -> str:
    """Of the schema; empty where there is none."""
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as store:
        try:
            return ",".join(row[0] for row in store.execute("SELECT version_num FROM alembic_version"))
        except sqlite3.OperationalError:
            return ""


def keep(path: str, kept: str) -> None:
    """The copy is the owner's alone, as a store is."""
    owner = os.stat(path)
    half = f"{kept}.part"
    with contextlib.suppress(FileNotFoundError):
        os.unlink(half)
    os.close(os.open(half, os.O_CREAT | os.O_EXCL | os.O_WRONLY, owner.st_mode & 0o777))
    os.chown(half, owner.st_uid, owner.st_gid)
    with contextlib.closing(sqlite3.connect(path)) as store, contextlib.closing(sqlite3.connect(half)) as copy:
        store.backup(copy)
    os.replace(half, kept)


def restore(path: str, kept: str) -> None:
    """What was written since is lost, where the schema has changed; else nothing is done."""
    if not os.path.exists(kept) or revision(path) == revision(kept):
        return
    for name in (f"{path}-wal", f"{path}-shm"):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)
    os.replace(kept, path)
    print("restored")


def main(verb: str, path: str) -> None:
    """Does it; nothing where there is no store."""
    kept = f"{path}.before-upgrade"
    if not os.path.exists(path):
        return
    if verb == "drop":
        with contextlib.suppress(FileNotFoundError):
            os.unlink(kept)
    else:
        {"keep": keep, "restore": restore}[verb](path, kept)


if __name__ == "__main__":
    main(*sys.argv[1:])
