"""Every series' second, sums by minute and hour, step times, and agents' lives."""

from __future__ import annotations

import itertools

import sqlalchemy as sa
from alembic import op

from coalmine_aggregator.store.migrations import counts_by_leaf

revision = "0003"
down_revision = "0002"

_AT_ONCE = 1_000
_LEAF = ("protocol", "variant", "location", "region", "zone")


def upgrade() -> None:
    """Adds the tables of history; counts by leaf become sums."""
    connection = op.get_bind()
    before = counts_by_leaf.leaves(connection)
    op.drop_table("leaves")
    _numbered("series", (*_LEAF, "host", "node", "sent_to"))
    _numbered("leaves", _LEAF)
    _numbered("cells", ("protocol", "location", "region"))
    op.create_table(
        "rosters",
        sa.Column("service", sa.Text, primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("used", sa.BigInteger, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "seconds",
        sa.Column("service", sa.Text, primary_key=True),
        sa.Column("minute", sa.BigInteger, primary_key=True),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sqlite_with_rowid=False,
    )
    _rollup("sums", large=False)
    _rollup("step_times", large=True)
    op.create_table(
        "lives",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("agent", sa.Text, nullable=False),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
    )
    op.create_index("lives_by_time", "lives", ["at"])
    op.create_index("lives_by_agent", "lives", ["agent", "at"])
    _take_over(connection, before)
    op.drop_table("minutes")


def _take_over(connection: sa.Connection, before: list[dict[str, object]]) -> None:
    if not before:
        return
    columns = ("service", "number", *_LEAF)
    leaves = sa.table("leaves", *map(sa.column, columns))
    connection.execute(
        sa.insert(leaves), [{column: row[column] for column in columns} for row in before]
    )
    numbers = {int(str(row["id"])): int(str(row["number"])) for row in before}
    sums = sa.table("sums", *map(sa.column, ("service", "step_s", "start", "body")))
    rows = counts_by_leaf.rollups(connection, numbers)
    while some := list(itertools.islice(rows, _AT_ONCE)):
        connection.execute(sa.insert(sums), some)


def _numbered(name: str, labels: tuple[str, ...]) -> None:
    op.create_table(
        name,
        sa.Column("service", sa.Text, primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        *(sa.Column(label, sa.Text, nullable=False) for label in labels),
        sqlite_with_rowid=False,
    )


def _rollup(name: str, large: bool) -> None:
    op.create_table(
        name,
        sa.Column("service", sa.Text, primary_key=True),
        sa.Column("step_s", sa.Integer, primary_key=True),
        sa.Column("start", sa.BigInteger, primary_key=True),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sqlite_with_rowid=large,
    )
