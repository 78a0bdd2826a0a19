"""The store as the status page opens it, which is no part of the aggregator and touches nothing of it.

SQLite's file is in write-ahead mode, and what its readers need depends on how the aggregator left it:

- While it runs, and where it was killed, the log and its index lie beside the file. They are opened for
  reading alone, without making them.
- Where it has stopped, there is neither. An ordinary reader would make them anew, as its own files, in
  which the aggregator could not write. So the file is read as one that nobody changes.
- Where there is a log without an index, for example in a copy, the index is made in memory.

In the last two nobody is kept from writing meanwhile. Whether anybody did shows afterwards, by the
files' sizes and times; then what was read is thrown away.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from coalmine_aggregator.reading.database import begin_sqlite, open_read_only, set_up_sqlite
from coalmine_aggregator.store.database import first_line

_SHARED = "mode=ro&readonly_shm=1"
_STILL = "mode=ro&immutable=1"
_STILL_WITH_LOG = "mode=ro&vfs=unix-none"

_FileState = tuple[int, int, int, int] | None
State = tuple[_FileState, _FileState]


class StoreAwayError(Exception):
    """The store cannot be read now; one line that says why."""


class StoreFile:
    """`look` gives a connection that sees the store at one moment. One thread at a time."""

    def __init__(self, url: str) -> None:
        parsed = sa.make_url(url)
        self._path = parsed.database if parsed.get_backend_name() == "sqlite" else None
        if self._path is None:
            self._engine = open_read_only(url)
            return
        self._mode = _SHARED
        self._engine = sa.create_engine("sqlite://", creator=self._connect, poolclass=sa.NullPool)
        sa.event.listen(self._engine, "connect", set_up_sqlite)
        sa.event.listen(self._engine, "begin", begin_sqlite)

    @property
    def identity(self) -> tuple[int, int] | None:
        """Changes when the file is another one, such as a backup that was put in its place; None for
        what is no file. Raises `StoreAwayError`."""
        if self._path is None:
            return None
        state = _state(self._path)
        if state is None:
            raise StoreAwayError(f"{self._path}: no such file")
        return state[:2]

    @contextlib.contextmanager
    def look(self) -> Iterator[sa.Connection]:
        """A connection. Raises `StoreAwayError`, also where what was read in between cannot be
        trusted."""
        try:
            if self._path is None:
                with self._engine.connect() as connection:
                    yield connection
            else:
                with self._look_at(self._path) as connection:
                    yield connection
        except DBAPIError as error:
            self._engine.dispose()
            raise StoreAwayError(_told(error)) from None
        except OSError as error:
            raise StoreAwayError(f"{self._path}: {error.strerror or error}") from None

    def close(self) -> None:
        """Lets go of it."""
        self._engine.dispose()

    @contextlib.contextmanager
    def _look_at(self, path: str) -> Iterator[sa.Connection]:
        before = _states(path)
        if before[0] is None:
            raise StoreAwayError(f"{path}: no such file")
        log = before[1]
        if log is not None and Path(f"{path}-shm").exists():
            self._mode = _SHARED
        else:
            self._mode = _STILL if log is None or not log[2] else _STILL_WITH_LOG
        with self._engine.connect() as connection:
            yield connection
        if self._mode is not _SHARED and _states(path) != before:
            raise StoreAwayError(f"{path}: was written to while it was read")

    def _connect(self) -> sqlite3.Connection:
        assert self._path is not None
        address = f"file:{quote(self._path)}?{self._mode}"
        connection = sqlite3.connect(address, uri=True, check_same_thread=False)
        if self._mode is _STILL_WITH_LOG:
            # Without it the index would have to be shared, and that is what is not there.
            connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        return connection


def _states(path: str) -> State:
    """What the file, and its log, look like from outside."""
    return _state(path), _state(f"{path}-wal")


def _state(path: str) -> _FileState:
    try:
        found = Path(path).stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def _told(error: DBAPIError) -> str:
    line = first_line(error)
    if "no such table" in line or "does not exist" in line:
        return f"{line}; an aggregator of this version makes what is missing when it starts"
    return line
