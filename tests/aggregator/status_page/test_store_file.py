"""SQLite's file is read in every state in which the aggregator may have left it, by whoever may read
it, and nothing beside it changes. The invariant: what was committed is seen, and the folder holds the
same files, of the same owners, as before."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from coalmine_aggregator.status_page.store_file import StoreAwayError, StoreFile
from coalmine_aggregator.store import schema
from coalmine_aggregator.store.database import open_engine
from tests.aggregator.status_page.looking_process import alerts
from tests.servers.postgres import Postgres

ROOT = Path(__file__).parents[3]


class Writer:
    """An aggregator, as far as its database goes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "h.db"
        self.url = f"sqlite:///{self.path}"
        self._process: subprocess.Popen[str] | None = None
        self.start()

    def start(self) -> None:
        self.kill()
        argv = [sys.executable, "-m", "tests.aggregator.status_page.writing_process", self.url]
        self._process = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT, umask=0o022
        )
        self._hears("ready")

    def restart(self) -> None:
        self.start()
        self.write()

    def write(self) -> None:
        self._says("write")
        self._hears("written")

    def stop(self) -> None:
        self._says("stop")
        self._hears("stopped")

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()

    def files(self) -> list[tuple[str, int, int]]:
        return sorted((f.name, f.stat().st_uid, f.stat().st_size) for f in self.folder.iterdir())

    def _says(self, word: str) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(f"{word}\n")
        self._process.stdin.flush()

    def _hears(self, word: str) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == f"{word}\n"


@pytest.fixture
def writer() -> Iterator[Writer]:
    folder = Path(tempfile.mkdtemp(prefix="coalmine-store-"))  # one that others may enter
    folder.chmod(0o755)
    writer = Writer(folder)
    yield writer
    writer.kill()
    folder.chmod(0o755)
    shutil.rmtree(folder)


def leave(writer: Writer, state: str) -> None:
    writer.write()
    match state:
        case "stopped":
            writer.stop()
        case "killed":
            writer.kill()
        case "copied without its index":
            writer.kill()
            (writer.folder / "h.db-shm").unlink()


STATES = ("running", "stopped", "killed", "copied without its index")


@pytest.mark.parametrize("state", STATES)
def test_what_was_committed_is_seen_and_nothing_is_made(writer: Writer, state: str) -> None:
    leave(writer, state)
    before = writer.files()
    assert alerts(writer.url) == 1
    assert writer.files() == before


@pytest.mark.parametrize("state", STATES)
def test_who_may_write_nothing_sees_it_too(writer: Writer, state: str, sqlite_url: str) -> None:
    leave(writer, state)
    before = writer.files()
    if os.geteuid():
        writer.folder.chmod(0o555)
    argv = ["-m", "tests.aggregator.status_page.looking_process", writer.url, other(sqlite_url)]
    looked = subprocess.run(
        [sys.executable, *argv], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert looked.stdout == "1\n"
    assert writer.files() == before


def other(url: str) -> str:
    """A store with nothing in it."""
    open_engine(url).dispose()
    return url


def test_a_reader_goes_on_over_stops_kills_and_starts(writer: Writer) -> None:
    file = StoreFile(writer.url)
    identity = file.identity
    for written, ends in enumerate((writer.stop, writer.kill, writer.stop), 1):
        writer.write()
        assert count(file) == written
        ends()
        assert count(file) == written
        writer.start()
        assert count(file) == written
    assert file.identity == identity
    file.close()


def count(file: StoreFile, meanwhile: Callable[[], object] = lambda: None) -> int:
    with file.look() as connection:
        found = connection.execute(sa.select(schema.alerts.c.number)).all()
        meanwhile()
    return len(found)


@pytest.mark.parametrize("state", ["stopped", "copied without its index"])
def test_what_was_read_while_somebody_wrote_is_thrown_away(writer: Writer, state: str) -> None:
    leave(writer, state)
    writer.kill()
    file = StoreFile(writer.url)
    with pytest.raises(StoreAwayError, match="was written to while it was read"):
        count(file, writer.restart)
    assert count(file) == 2
    file.close()


def test_it_cannot_write(writer: Writer) -> None:
    for state in ("running", "stopped"):
        if state == "stopped":
            writer.stop()
        with pytest.raises(StoreAwayError, match="readonly"):
            with StoreFile(writer.url).look() as connection:
                connection.execute(sa.delete(schema.alerts))


def test_a_file_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    file = StoreFile(f"sqlite:///{tmp_path}/none.db")
    with pytest.raises(StoreAwayError, match=r"none.db: no such file"):
        with file.look():
            pass
    with pytest.raises(StoreAwayError, match=r"none.db: no such file"):
        _ = file.identity
    assert list(tmp_path.iterdir()) == []


def test_an_older_store_says_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    with sa.create_engine(f"sqlite:///{path}").begin() as connection:
        connection.exec_driver_sql("CREATE TABLE births (agent TEXT)")
    with pytest.raises(StoreAwayError, match="no such table: alerts; an aggregator of this version"):
        count(StoreFile(f"sqlite:///{path}"))


def test_it_cannot_write_to_a_database_either(postgres_url: str) -> None:
    other(postgres_url)
    file = StoreFile(postgres_url)
    with pytest.raises(StoreAwayError, match="read-only transaction"), file.look() as connection:
        connection.execute(sa.delete(schema.alerts))
    assert count(file) == 0
    file.close()


def test_a_database_that_is_cut_off_is_away_and_comes_back(
    postgres_url: str, postgres: Postgres
) -> None:
    other(postgres_url)
    file = StoreFile(postgres_url)
    assert count(file) == 0
    postgres.stop()
    try:
        with pytest.raises(StoreAwayError):
            count(file)
    finally:
        postgres.start()
    assert count(file) == 0
    file.close()
