"""A copy of the store before a migration, and the way back to it."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
from collections import namedtuple
from pathlib import Path

import pytest

from coalmine_aggregator.store.database import open_engine
from coalmine_aggregator.store.revisions import revision_of_file
from coalmine_install import store
from coalmine_install.refusal import Code, RefusalError

CONFIG = """
services: {{ingest: {{}}}}
receive: {{tcp: "127.0.0.1:2003"}}
store: {url}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A store of this version."""
    path = tmp_path / "history.db"
    open_engine(f"sqlite:///{path}").dispose()
    path.chmod(0o640)
    return path


def config(tmp_path: Path, url: str) -> Path:
    path = tmp_path / "aggregator.yaml"
    path.write_text(CONFIG.format(url=url))
    return path


def execute(file: Path, statement: str) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(file)
    try:
        with connection:
            return connection.execute(statement).fetchall()
    finally:
        connection.close()


def migrate(file: Path) -> None:
    """As a newer version would."""
    execute(file, "CREATE TABLE later (id INTEGER)")
    execute(file, "UPDATE alembic_version SET version_num = '9999'")


def test_what_would_be_done_is_told_and_nothing_is_done(tmp_path: Path, file: Path) -> None:
    at = config(tmp_path, f"sqlite:///{file}")
    found = store.plan(at, {})
    assert (found.verdict, found.file) == ("same", file)
    execute(file, f"UPDATE alembic_version SET version_num = '{int(found.newest) - 1:04}'")
    assert store.plan(at, {}).verdict == "older"
    migrate(file)
    assert store.plan(at, {}).verdict == "newer"
    assert store.plan(at, {}).stored == "9999"


def test_a_store_that_is_not_there_yet_stays_so(tmp_path: Path) -> None:
    assert store.plan(config(tmp_path, f"sqlite:///{tmp_path}/none.db"), {}).verdict == "none"
    assert not (tmp_path / "none.db").exists()


def test_what_is_no_store_is_a_refusal(tmp_path: Path) -> None:
    (tmp_path / "history.db").write_text("this is text, and more of it than any header has" * 10)
    with pytest.raises(RefusalError, match="file is not a database") as caught:
        store.plan(config(tmp_path, f"sqlite:///{tmp_path}/history.db"), {})
    assert caught.value.code is Code.STORE


def test_a_server_that_is_away_is_a_refusal_without_its_password(tmp_path: Path) -> None:
    with pytest.raises(RefusalError, match="refused") as caught:
        store.plan(config(tmp_path, "postgresql://u:hunter2@127.0.0.1:1/x"), {})
    assert "hunter2" not in str(caught.value)


def test_there_and_back_over_a_migration(file: Path) -> None:
    copy = store.copy(file, "0.1.0")
    assert copy.name == "history.db.of-0.1.0"
    before, now = file.stat(), copy.stat()
    assert (now.st_mode, now.st_uid, now.st_gid) == (before.st_mode, before.st_uid, before.st_gid)
    migrate(file)
    aside = store.restore(file, "0.1.0", "0.2.0")
    assert aside == file.with_name("history.db.of-0.2.0")
    assert not copy.exists()
    back, other = revision_of_file(file), revision_of_file(aside)
    assert back is not None
    assert back.stored == back.newest
    assert other is not None
    assert (other.stored, other.known) == ("9999", False)
    assert store.restore(file, "0.1.0", "0.2.0") is None  # done already, by a run that was cut off
    assert store.restore(file, "0.2.0", "0.1.0") == copy  # and forward again
    assert execute(file, "SELECT version_num FROM alembic_version") == [("9999",)]


def test_what_sqlite_keeps_beside_the_file_belongs_to_it(file: Path) -> None:
    """A process that was killed leaves its last transactions in the write-ahead log."""
    copy = store.copy(file, "0.1.0")
    child = os.fork()
    if child == 0:
        connection = sqlite3.connect(file)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        connection.execute("CREATE TABLE later (id INTEGER)")
        connection.commit()
        os._exit(0)
    os.waitpid(child, 0)
    assert file.with_name("history.db-wal").stat().st_size > 0
    second = store.copy(file, "0.1.1")
    assert execute(second, "SELECT count(*) FROM later") == [(0,)]
    assert not copy.exists()  # one copy is kept
    aside = store.restore(file, "0.1.1", "0.2.0")
    assert aside is not None
    assert sorted(path.name for path in file.parent.glob("history.db*")) == [
        "history.db",
        "history.db.of-0.2.0",
    ]
    assert execute(aside, "SELECT count(*) FROM later") == [(0,)]


def test_without_a_copy_nothing_is_touched(file: Path) -> None:
    with pytest.raises(RefusalError, match=r"history\.db\.of-0\.1\.0: there is no copy"):
        store.restore(file, "0.1.0", "0.2.0")
    assert file.is_file()


def test_no_room_for_a_copy_is_a_refusal(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(1 << 30, 1 << 30, 1 << 20))
    with pytest.raises(RefusalError, match="1 MiB are free") as caught:
        store.check_room(file)
    assert caught.value.code is Code.DISK


def test_a_disk_that_fills_up_leaves_the_store_and_no_copy(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", lambda _: _full())
    with pytest.raises(RefusalError, match="No space left on device") as caught:
        store.copy(file, "0.1.0")
    assert caught.value.code is Code.DISK
    assert [path.name for path in file.parent.glob("history.db*")] == ["history.db"]


def _full() -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
