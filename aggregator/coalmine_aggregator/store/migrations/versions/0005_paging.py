"""Who was told again by escalations, and silences."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

_KEPT = "transition, receiver, attempts, next_at, delivered_at, dead, error"


def upgrade() -> None:
    """Lets the outbox tell persons, steps and repeats apart, which no database can do to a primary key
    in place; adds silences."""
    op.execute(
        f"CREATE TABLE outbox_before AS SELECT {_KEPT}, change, at AS made_at "  # noqa: S608
        "FROM outbox JOIN transitions ON id = transition"
    )
    op.drop_table("outbox")
    op.create_table(
        "outbox",
        sa.Column("transition", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("receiver", sa.Text, primary_key=True),
        sa.Column("target", sa.Text, primary_key=True, server_default=""),
        sa.Column("step", sa.Integer, primary_key=True, autoincrement=False, server_default="0"),
        sa.Column("repeat", sa.Integer, primary_key=True, autoincrement=False, server_default="0"),
        sa.Column("change", sa.Text, nullable=False),
        sa.Column("made_at", sa.Float, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("next_at", sa.Float, nullable=False),
        sa.Column("delivered_at", sa.Float),
        sa.Column("dead", sa.Text),
        sa.Column("error", sa.Text),
    )
    columns = f"{_KEPT}, change, made_at"
    op.execute(f"INSERT INTO outbox ({columns}) SELECT {columns} FROM outbox_before")  # noqa: S608
    op.drop_table("outbox_before")
    pending = sa.text("delivered_at IS NULL AND dead IS NULL")
    op.create_index(
        "outbox_pending", "outbox", ["transition"], sqlite_where=pending, postgresql_where=pending
    )
    op.create_table(
        "silences",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("starts_at", sa.Float, nullable=False),
        sa.Column("ends_at", sa.Float, nullable=False),
        sa.Column("ended_at", sa.Float),
    )
    op.create_index("silences_by_end", "silences", ["ends_at"])
