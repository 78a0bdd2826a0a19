"""What objectives are held against, and what detectors learned."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Adds two tables. Transitions may hold an explanation from now on, in the body that they have."""
    sums = ("judged", "bad", "outside_judged", "outside_bad", "slots")
    op.create_table(
        "slo_minutes",
        sa.Column("service", sa.Text, primary_key=True),
        sa.Column("minute", sa.BigInteger, primary_key=True),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in sums),
    )
    op.create_table(
        "learned",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("body", sa.Text, nullable=False),
    )
