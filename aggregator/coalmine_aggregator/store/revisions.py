"""Which schema a store has, and which one this version knows."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import NamedTuple

import alembic.config
import sqlalchemy as sa
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

_SCRIPTS = "coalmine_aggregator.store:migrations"


class Revision(NamedTuple):
    """`stored` is the store's own, None where it is empty; `newest` is what this version makes it."""

    stored: str | None
    newest: str
    known: bool
    """False where a newer version wrote the store."""


def migrations() -> alembic.config.Config:
    """Where the migrations are."""
    found = alembic.config.Config()
    found.set_main_option("script_location", _SCRIPTS)
    return found


def revision(connection: sa.Connection) -> Revision:
    """That of the store behind a connection. Changes nothing."""
    return _revision(MigrationContext.configure(connection).get_current_revision())


def revision_of_file(path: Path) -> Revision | None:
    """That of an SQLite file, whether or not an aggregator runs; None where there is none.

    Raises `sqlite3.Error`.
    """
    if not path.is_file():
        return None
    connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=rw", uri=True, timeout=10)
    try:
        tables = connection.execute("SELECT name FROM sqlite_master WHERE name = 'alembic_version'")
        if tables.fetchone() is None:
            return _revision(None)
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        return _revision(None if row is None else str(row[0]))
    finally:
        connection.close()


def _revision(stored: str | None) -> Revision:
    scripts = ScriptDirectory.from_config(migrations())
    known = {script.revision for script in scripts.walk_revisions()}
    newest = scripts.get_current_head()
    assert newest is not None  # there are migrations, and they form one line
    return Revision(stored, newest, stored is None or stored in known)
