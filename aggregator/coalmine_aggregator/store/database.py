"""The database behind a URL: engine, the settings of SQLite and PostgreSQL, migrations."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import alembic.command
import alembic.util
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError

from coalmine_aggregator.store.revisions import migrations, revision

BUSY_S = 1.0
"""How long a statement waits for another process's lock before it fails and is tried again."""

POSTGRESQL_CONNECT: Final = {
    "connect_timeout": 5,
    # A server that is gone without a word is noticed within seconds, as one that says no.
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
    "application_name": "coalmine",
}
"""How to connect, whoever does."""

_POSTGRESQL_SETTINGS: Final = {
    "lock_timeout": f"{round(BUSY_S * 1000)}",
    "statement_timeout": "60000",
    "idle_in_transaction_session_timeout": "60000",
}


class StoreError(Exception):
    """The store cannot be opened; one line that says why."""


def open_engine(url: str) -> sa.Engine:
    """The engine for a URL, its schema migrated to the newest. Blocks. Raises `StoreError`."""
    try:
        parsed = sa.make_url(url)
        if parsed.get_backend_name() == "sqlite" and parsed.database in (None, "", ":memory:"):
            raise StoreError(f"{url}: needs a file, such as sqlite:////var/lib/coalmine/history.db")
        engine = _engine(parsed)
    except (ArgumentError, ImportError, ValueError) as error:
        raise StoreError(f"{shown(url)}: {first_line(error)}") from None
    if engine.dialect.name == "sqlite":
        sa.event.listen(engine, "connect", _set_up_sqlite)
        sa.event.listen(engine, "begin", _begin_sqlite)
    try:
        with engine.begin() as connection:
            _migrate(connection)
    except BaseException as error:
        engine.dispose()
        if isinstance(error, SQLAlchemyError | alembic.util.CommandError):
            raise StoreError(f"{shown(url)}: {first_line(error)}") from None
        raise
    return engine


def storable(text: str) -> str:
    """Text that every database takes: a NUL, and half a surrogate pair, become U+FFFD."""
    text = text.replace("\0", "\ufffd")
    return (
        text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    )


def upsert(connection: sa.Connection, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Inserts rows; where the primary key exists already, replaces the rest of the row."""
    if not rows:
        return
    keys = [column.name for column in table.primary_key]
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    statement = insert(table)
    rest = {name: statement.excluded[name] for name in rows[0] if name not in keys}
    connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=rest), list(rows))


def _engine(url: sa.URL) -> sa.Engine:
    """Raises `ArgumentError`, ImportError."""
    if url.get_backend_name() != "postgresql":
        return sa.create_engine(url)
    settings = {f"-c {name}={value}" for name, value in _POSTGRESQL_SETTINGS.items()}
    return sa.create_engine(
        url.set(drivername="postgresql+psycopg"),
        # A server that was started anew has cut what the pool holds.
        pool_pre_ping=True,
        connect_args={**POSTGRESQL_CONNECT, "options": " ".join(sorted(settings))},
    )


def _migrate(connection: sa.Connection) -> None:
    found = revision(connection)
    if not found.known:
        raise alembic.util.CommandError(
            f"a newer version of Coalmine wrote it (schema {found.stored}, this one knows "
            f"{found.newest} and older): run that version, or put back the copy that was made "
            "before the upgrade"
        )
    config = migrations()
    config.attributes["connection"] = connection
    alembic.command.upgrade(config, "head")


def _set_up_sqlite(connection: sqlite3.Connection, _: object) -> None:
    # The driver's own transactions leave DDL and SELECT outside; ours begin explicitly, below.
    connection.isolation_level = None
    for pragma in _pragmas():
        connection.execute(pragma)


def _pragmas() -> Iterable[str]:
    yield f"PRAGMA busy_timeout = {round(BUSY_S * 1000)}"
    yield "PRAGMA journal_mode = WAL"
    # One fsync a second is cheap; a page that is committed outlives a power cut too.
    yield "PRAGMA synchronous = FULL"


def _begin_sqlite(connection: sa.Connection) -> None:
    # A transaction that starts by reading and then writes could not wait for a lock.
    mode = "" if connection.get_execution_options().get("coalmine_reads") else " IMMEDIATE"
    connection.exec_driver_sql(f"BEGIN{mode}")


def shown(url: str) -> str:
    """The URL without its password."""
    try:
        return sa.make_url(url).render_as_string(hide_password=True)
    except (ArgumentError, ValueError):
        return "store"


def first_line(error: Exception) -> str:
    """What went wrong, in a line: the database's own words where it has said something."""
    if isinstance(error, DBAPIError):
        error = error.orig if isinstance(error.orig, Exception) else error
    return str(error).partition("\n")[0]
