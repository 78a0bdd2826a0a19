"""The first schema."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Creates every table."""
    op.create_table(
        "births",
        sa.Column("agent", sa.Text, primary_key=True),
        sa.Column("boot", sa.Text, primary_key=True),
        sa.Column("revision", sa.Integer, primary_key=True),
        sa.Column("heard_at", sa.Float, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "states",
        sa.Column("agent", sa.Text, primary_key=True),
        sa.Column("boot", sa.Text, primary_key=True),
        sa.Column("heard_at", sa.Float, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
    labels = ("service", "protocol", "variant", "location", "region", "zone")
    op.create_table(
        "leaves",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        *(sa.Column(label, sa.Text, nullable=False) for label in labels),
        sa.UniqueConstraint(*labels, name="leaves_labels"),
    )
    op.create_table(
        "minutes",
        sa.Column("service", sa.Text, primary_key=True),
        sa.Column("minute", sa.BigInteger, primary_key=True),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
    op.create_index("minutes_by_time", "minutes", ["minute"])
    op.create_table(
        "exceptions",
        sa.Column("slot", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "alerts",
        sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("dedup_key", sa.Text, nullable=False),
        sa.Column("opened_at", sa.Float, nullable=False),
        sa.Column("closed_at", sa.Float),
        sa.Column("body", sa.Text, nullable=False),
    )
    op.create_index("alerts_by_close", "alerts", ["closed_at"])
    op.create_table(
        "transitions",
        sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.Column("change", sa.Text, nullable=False),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
    )
    op.create_index("transitions_by_alert", "transitions", ["number"])
    op.create_table(
        "outbox",
        sa.Column("transition", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("receiver", sa.Text, primary_key=True),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("next_at", sa.Float, nullable=False),
        sa.Column("delivered_at", sa.Float),
        sa.Column("dead", sa.Text),
        sa.Column("error", sa.Text),
    )
    pending = sa.text("delivered_at IS NULL AND dead IS NULL")
    op.create_index(
        "outbox_pending", "outbox", ["transition"], sqlite_where=pending, postgresql_where=pending
    )
