"""A copy of an aggregator's SQLite store, for the time that a new version takes to prove itself.

keep_store.py keep STORE       # also while an aggregator writes to it
keep_store.py restore STORE    # while none runs; only where the schema is another than the copy's
keep_store.py drop STORE
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import sys
from pathlib import Path


def revision(store: Path) -> str:
    """Of the schema; empty where there is none."""
    with contextlib.closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True)) as opened:
        try:
            return ",".join(row[0] for row in opened.execute("SELECT version_num FROM alembic_version"))
        except sqlite3.OperationalError:
            return ""


def keep(store: Path, kept: Path) -> None:
    """The copy has the owner and the rights of the store from its first byte on."""
    half = kept.with_name(f"{kept.name}.part")
    half.unlink(missing_ok=True)
    of = store.stat()
    os.close(os.open(half, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    os.chown(half, of.st_uid, of.st_gid)
    half.chmod(of.st_mode & 0o777)
    with contextlib.closing(sqlite3.connect(store)) as source:
        with contextlib.closing(sqlite3.connect(half)) as copy:
            source.backup(copy)
            copy.execute("PRAGMA journal_mode = DELETE")  # one file, and no others beside it
    half.replace(kept)


def restore(store: Path, kept: Path) -> None:
    """Where the schema has changed, what was written since is lost; else nothing is done."""
    if not kept.exists() or revision(store) == revision(kept):
        return
    for name in (f"{store}-wal", f"{store}-shm"):
        Path(name).unlink(missing_ok=True)
    kept.replace(store)
    print("restored")


def drop(_store: Path, kept: Path) -> None:
    """Nothing is done where there is none."""
    kept.unlink(missing_ok=True)


def main(verb: str, path: str) -> None:
    """Does it, where there is a store."""
    store = Path(path)
    if store.exists():
        act = {"keep": keep, "restore": restore, "drop": drop}[verb]
        act(store, store.with_name(f"{store.name}.before-upgrade"))


if __name__ == "__main__":
    main(*sys.argv[1:])
