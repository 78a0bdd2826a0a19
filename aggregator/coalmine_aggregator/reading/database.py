"""The store as its readers open it: for reading alone, each question at one moment."""

from __future__ import annotations

import sqlite3
from urllib.parse import quote

import sqlalchemy as sa

from coalmine_aggregator.store.database import POSTGRESQL_CONNECT

BUSY_S = 5.0
"""How long a reader waits for SQLite's lock; in WAL mode hardly anything takes it from readers."""

CACHE_KIB = 16 << 10

_POSTGRESQL = "-c default_transaction_read_only=on -c statement_timeout=30s"


def open_read_only(url: str) -> sa.Engine:
    """The engine for a URL whose store exists. Nothing is opened yet, and nothing can be written."""
    parsed = sa.make_url(url)
    if parsed.get_backend_name() == "sqlite":
        path = f"file:{quote(parsed.database or '')}"
        options = {"mode": "ro", "uri": "true"}
        engine = sa.create_engine(parsed.set(database=path).update_query_dict(options))
        sa.event.listen(engine, "connect", set_up_sqlite)
        sa.event.listen(engine, "begin", begin_sqlite)
        return engine
    return sa.create_engine(
        parsed.set(drivername="postgresql+psycopg"),
        pool_size=1,
        max_overflow=0,
        pool_pre_ping=True,
        isolation_level="REPEATABLE READ",
        connect_args={**POSTGRESQL_CONNECT, "options": _POSTGRESQL},
    )


def set_up_sqlite(connection: sqlite3.Connection, _: object) -> None:
    """What a new connection is told, as SQLAlchemy's event hands it over."""
    # The driver begins no transaction before a SELECT; ours does, so that all of a question is read at
    # one moment.
    connection.isolation_level = None
    connection.execute(f"PRAGMA busy_timeout = {round(BUSY_S * 1000)}")
    connection.execute("PRAGMA query_only = ON")
    connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")


def begin_sqlite(connection: sa.Connection) -> None:
    """Begins a transaction, as SQLAlchemy's event asks for it."""
    connection.exec_driver_sql("BEGIN")
