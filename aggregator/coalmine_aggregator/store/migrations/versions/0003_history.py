"""Every series' second, sums by minute and hour, step times, and agents' lives."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_LEAF = ("protocol", "variant", "location", "region", "zone")


def upgrade() -> None:
    """Adds the tables of history, in place of counts by leaf."""
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
    _rollup("sums")
    _rollup("step_times")
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
    op.drop_table("minutes")


def _numbered(name: str, labels: tuple[str, ...]) -> None:
    op.create_table(
        name,
        sa.Column("service", sa.Text, primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        *(sa.Column(label, sa.Text, nullable=False) for label in labels),
        sqlite_with_rowid=False,
    )


def _rollup(name: str) -> None:
    op.create_table(
        name,
        sa.Column("service", sa.Text, primary_key=True),
        sa.Column("step_s", sa.Integer, primary_key=True),
        sa.Column("start", sa.BigInteger, primary_key=True),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sqlite_with_rowid=False,
    )
