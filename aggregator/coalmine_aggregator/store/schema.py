"""The tables, as the newest migration leaves them.

Counts are kept as sums and never as rates: a row holds one minute of one service, every leaf and
second of it in a compressed blob (`minutes`). A row for each leaf and second would be 2 million a
day for a small fleet, a row for each second 86,400; a minute's row is 1,440, and a green minute of
it is a few bytes a leaf, since nothing changes from second to second. It is rewritten each second
while it grows, and again when late reports revise it.

`slo_minutes` repeats a few sums of it, since an objective is held over months: a start adds up a row a
minute there instead of unpacking every blob.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData()

births = Table(
    "births",
    metadata,
    Column("agent", Text, primary_key=True),
    Column("boot", Text, primary_key=True),
    Column("revision", Integer, primary_key=True),
    Column("heard_at", Float, nullable=False),
    Column("body", LargeBinary, nullable=False),  # the message as it travels
)

states = Table(
    "states",
    metadata,
    Column("agent", Text, primary_key=True),
    Column("boot", Text, primary_key=True),
    Column("heard_at", Float, nullable=False),
    Column("body", LargeBinary, nullable=False),
)

leaves = Table(
    "leaves",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("service", Text, nullable=False),
    Column("protocol", Text, nullable=False),
    Column("variant", Text, nullable=False),
    Column("location", Text, nullable=False),
    Column("region", Text, nullable=False),
    Column("zone", Text, nullable=False),
    UniqueConstraint(
        "service", "protocol", "variant", "location", "region", "zone", name="leaves_labels"
    ),
)

minutes = Table(
    "minutes",
    metadata,
    Column("service", Text, primary_key=True),
    Column("minute", BigInteger, primary_key=True),  # slot // 60
    Column("body", LargeBinary, nullable=False),  # coalmine_aggregator.store.minutes
)
Index("minutes_by_time", minutes.c.minute)

slo_minutes = Table(
    "slo_minutes",
    metadata,
    Column("service", Text, primary_key=True),
    Column("minute", BigInteger, primary_key=True),  # slot // 60
    Column("judged", BigInteger, nullable=False),
    Column("bad", BigInteger, nullable=False),
    Column("outside_judged", BigInteger, nullable=False),  # outside the scope of every loss alert
    Column("outside_bad", BigInteger, nullable=False),
    Column("slots", BigInteger, nullable=False),  # a bit for each second with anything judged
)

learned = Table(
    "learned",
    metadata,
    Column("name", Text, primary_key=True),
    Column("body", Text, nullable=False),  # JSON, the detectors' own
)

exceptions = Table(
    "exceptions",
    metadata,
    Column("slot", BigInteger, primary_key=True, autoincrement=False),
    Column("body", LargeBinary, nullable=False),  # the ledger's own form
)

alerts = Table(
    "alerts",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("dedup_key", Text, nullable=False),
    Column("opened_at", Float, nullable=False),
    Column("closed_at", Float),
    Column("body", Text, nullable=False),  # as it stands, JSON
)
Index("alerts_by_close", alerts.c.closed_at)

transitions = Table(
    "transitions",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("number", BigInteger, nullable=False),
    Column("change", Text, nullable=False),
    Column("at", Float, nullable=False),
    Column("body", Text, nullable=False),  # the alert as it stood then, and why, JSON
)
Index("transitions_by_alert", transitions.c.number)

outbox = Table(
    "outbox",
    metadata,
    Column("transition", BigInteger, primary_key=True, autoincrement=False),
    Column("receiver", Text, primary_key=True),
    Column("attempts", Integer, nullable=False),
    Column("next_at", Float, nullable=False),
    Column("delivered_at", Float),
    Column("dead", Text),  # why it was given up
    Column("error", Text),  # how the last attempt failed
)
Index(
    "outbox_pending",
    outbox.c.transition,
    sqlite_where=outbox.c.delivered_at.is_(None) & outbox.c.dead.is_(None),
    postgresql_where=outbox.c.delivered_at.is_(None) & outbox.c.dead.is_(None),
)
