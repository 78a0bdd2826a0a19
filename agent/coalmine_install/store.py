"""The aggregator's store across versions: does the other version know its schema, and a copy to go back
to. SQLite is copied here; of PostgreSQL only its administrator makes copies."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import sqlalchemy as sa

from coalmine_aggregator.settings import AggregatorSettings
from coalmine_aggregator.store.database import StoreError, first_line, shown
from coalmine_aggregator.store.revisions import Revision, revision, revision_of_file
from coalmine_install.refusal import Code, RefusalError
from coalmine_runtime.settings import load

STATE = Path("/var/lib/coalmine")
"""Where the aggregator's service starts."""


class Plan(NamedTuple):
    """`verdict`: `none` (no store yet), `same`, `older` (this version would migrate it), `newer` (it
    does not know it). `file` is that of an SQLite store."""

    verdict: str
    file: Path | None
    stored: str
    newest: str


def plan(config: Path, env: Mapping[str, str]) -> Plan:
    """What this version would do with the store of a configuration. Changes nothing.

    Raises `RefusalError` where the store cannot be read, `ConfigError`.
    """
    settings = load(AggregatorSettings, config, env)
    url = sa.make_url(settings.store.reveal())
    file = None
    if url.get_backend_name() == "sqlite":
        file = STATE / str(url.database)  # a relative one counts from where the service starts
    try:
        found = revision_of_file(file) if file else _of_server(url)
    except (sqlite3.Error, sa.exc.SQLAlchemyError, StoreError) as error:
        where = shown(settings.store.reveal())
        raise RefusalError(Code.STORE, f"{where}: {first_line(error)}") from None
    if found is None or found.stored is None:
        return Plan("none", file, "", found.newest if found else "")
    verdict = "newer" if not found.known else "same" if found.stored == found.newest else "older"
    return Plan(verdict, file, found.stored, found.newest)


def copy_of(file: Path, version: str) -> Path:
    """Where the copy is that `version` left."""
    return file.with_name(f"{file.name}.of-{version}")


def check_room(file: Path) -> None:
    """Raises `RefusalError` where there is no room for a copy."""
    beside = (file, file.with_name(f"{file.name}-wal"))
    size = sum(path.stat().st_size for path in beside if path.exists())
    free = shutil.disk_usage(file.parent).free
    if free < size * 1.1 + (16 << 20):
        raise RefusalError(
            Code.DISK,
            f"no disk: {file.parent}: a copy of the store takes {size >> 20} MiB, "
            f"{free >> 20} MiB are free",
        )


def copy(file: Path, version: str) -> Path:
    """Copies a store that no aggregator has open, as `version` left it. Older copies give way.

    Raises `RefusalError` where it cannot, and leaves nothing then.
    """
    target = copy_of(file, version)
    half = target.with_name(f"{target.name}.part")
    try:
        _copy(file, half)
    except (OSError, sqlite3.Error) as error:
        half.unlink(missing_ok=True)
        raise RefusalError(Code.DISK, f"{half}: {error}") from None
    half.replace(target)
    _sync(target.parent)
    for other in file.parent.glob(f"{file.name}.of-*"):
        if other != target:
            other.unlink()
    return target


def restore(file: Path, version: str, newer: str) -> Path | None:
    """Puts the copy that `version` left in the place of the store; that one, as `newer` left it, is put
    aside. Where it is told; None where the copy is in its place already.

    At each moment there is a whole store in the place. Raises `RefusalError`.
    """
    source, aside = copy_of(file, version), copy_of(file, newer)
    if not source.is_file():
        if aside.is_file():
            return None
        raise RefusalError(Code.STORE, f"{source}: there is no copy")
    try:
        _fold(file)
        aside.unlink(missing_ok=True)
        os.link(file, aside)
        source.replace(file)
        _sync(file.parent)
    except (OSError, sqlite3.Error) as error:
        raise RefusalError(Code.STORE, f"{file}: {error}") from None
    return aside


def _of_server(url: sa.URL) -> Revision:
    engine = sa.create_engine(
        url.set(drivername="postgresql+psycopg"), connect_args={"connect_timeout": 10}
    )
    try:
        with engine.connect() as connection:
            return revision(connection)
    finally:
        engine.dispose()


def _copy(source: Path, target: Path) -> None:
    target.unlink(missing_ok=True)
    owner = source.stat()
    descriptor = os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    os.close(descriptor)
    with (
        contextlib.closing(sqlite3.connect(f"{source.resolve().as_uri()}?mode=rw", uri=True)) as old,
        contextlib.closing(sqlite3.connect(target)) as new,
    ):
        old.backup(new)
        new.execute("PRAGMA journal_mode = DELETE")  # one file, whole
    os.chown(target, owner.st_uid, owner.st_gid)
    target.chmod(owner.st_mode & 0o777)
    _sync(target)


def _fold(file: Path) -> None:
    """The store becomes one file: what SQLite keeps beside it goes into it."""
    with contextlib.closing(sqlite3.connect(f"{file.resolve().as_uri()}?mode=rw", uri=True)) as store:
        busy, _, _ = store.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    if busy:
        raise OSError("it is still in use")
    for suffix in ("-wal", "-shm"):
        file.with_name(file.name + suffix).unlink(missing_ok=True)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
