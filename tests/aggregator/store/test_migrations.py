"""The migrations lead to the schema that the code uses, and are shipped with the package."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from coalmine_aggregator.store.database import StoreError, open_engine
from coalmine_aggregator.store.schema import metadata


def test_the_newest_migration_is_the_schema(database_url: str) -> None:
    engine = open_engine(database_url)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
        expected = {index.name for table in metadata.tables.values() for index in table.indexes}
        inspector = sa.inspect(connection)
        found = {i["name"] for table in metadata.tables for i in inspector.get_indexes(table)}
        assert found == expected
        if engine.dialect.name == "sqlite":
            assert connection.exec_driver_sql("PRAGMA journal_mode").scalar_one() == "wal"
    engine.dispose()


def test_opening_again_changes_nothing(database_url: str) -> None:
    for _ in range(2):
        open_engine(database_url).dispose()


def test_a_database_of_a_newer_version_is_refused(database_url: str) -> None:
    engine = open_engine(database_url)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    engine.dispose()
    said = r"a newer version of Coalmine wrote it \(schema 9999, this one knows 0\d+ and older\): "
    with pytest.raises(StoreError, match=said):
        open_engine(database_url)


@pytest.mark.parametrize(
    ("url", "what"),
    [
        ("sqlite:////nowhere/at/all/h.db", "unable to open"),
        ("sqlite://", "needs a file"),
        ("nosuch://x", "nosuch"),
        ("gibberish", "URL"),
        ("postgresql://u:hunter2@127.0.0.1:1/x", "refused"),
        ("postgresql://u:hunter2@/x?host=/nowhere", "nowhere"),
        ("postgresql://u:hunter2@127.0.0.1:port/x", "'port'"),
    ],
)
def test_what_cannot_be_opened_is_told_in_a_line(url: str, what: str) -> None:
    with pytest.raises(StoreError, match=what) as caught:
        open_engine(url)
    assert "\n" not in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    path.write_text("not a database, only some text " * 100)
    with pytest.raises(StoreError, match="not a database"):
        open_engine(f"sqlite:///{path}")
