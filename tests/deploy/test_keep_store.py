"""The copy that an upgrade by Ansible keeps of a store."""

from __future__ import annotations

import contextlib
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "deploy/ansible/roles/coalmine/files/keep_store.py"


def keep_store(verb: str, store: Path) -> str:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), verb, str(store)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def execute(store: Path, *statements: str) -> None:
    with contextlib.closing(sqlite3.connect(store)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


def seconds(store: Path) -> list[int]:
    with contextlib.closing(sqlite3.connect(store)) as connection:
        return [row[0] for row in connection.execute("SELECT slot FROM seconds ORDER BY slot")]


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """One of a version, with a second in it."""
    path = tmp_path / "history.db"
    execute(
        path,
        "PRAGMA journal_mode = WAL",
        "CREATE TABLE alembic_version (version_num TEXT)",
        "INSERT INTO alembic_version VALUES ('0001')",
        "CREATE TABLE seconds (slot INTEGER)",
        "INSERT INTO seconds VALUES (1)",
    )
    path.chmod(0o640)
    return path


def test_what_another_version_migrated_is_put_back(store: Path) -> None:
    with contextlib.closing(sqlite3.connect(store)) as writer:  # as an aggregator that runs
        writer.execute("INSERT INTO seconds VALUES (2)")
        writer.commit()
        keep_store("keep", store)
        writer.execute("UPDATE alembic_version SET version_num = '0002'")
        writer.execute("INSERT INTO seconds VALUES (3)")
        writer.commit()
    kept = store.with_name("history.db.before-upgrade")
    assert stat.S_IMODE(kept.stat().st_mode) == 0o640
    assert keep_store("restore", store) == "restored\n"
    assert seconds(store) == [1, 2]
    assert not kept.exists()


def test_a_store_of_the_same_schema_goes_on(store: Path) -> None:
    keep_store("keep", store)
    execute(store, "INSERT INTO seconds VALUES (2)")
    assert keep_store("restore", store) == ""
    assert seconds(store) == [1, 2]
    keep_store("drop", store)
    keep_store("drop", store)
    assert [path.name for path in store.parent.iterdir()] == ["history.db"]


def test_where_there_is_no_store_nothing_is_made(tmp_path: Path) -> None:
    for verb in ("keep", "restore", "drop"):
        keep_store(verb, tmp_path / "history.db")
    assert list(tmp_path.iterdir()) == []
