"""The tables, as the newest migration leaves them.

What became of datapoints is kept per second and exactly: a row of `seconds` holds one minute of one
service, and says of every second which roster was expected, how most of it ended, and which series
ended otherwise. So a green minute is a few bytes however large the fleet is, and an outage costs what
it was wide, not how many leaves there are. Series, leaves and cells have numbers within their service,
0, 1, 2, ... in the order in which they were first seen, never used again for another.

`sums` are the same by leaf, added up over a minute or an hour: sums, never averages. They are derived:
a minute's from its row of `seconds`, an hour's from its minutes, each in the transaction that changes
what they are made of, once the minute or hour is over. `step_times` are histograms by cell.

`slo_minutes` repeats a few sums, since an objective is held over months: a start adds up a row a minute
there instead of unpacking every blob.

Alerts, transitions, incidents and what belongs to them are kept for good. Who follows incidents asks
for those of a `version` above the highest seen: a write, with its new entries, is visible at once or
not at all, and none becomes visible after one of a higher version.
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

_LEAF = ("protocol", "variant", "location", "region", "zone")
_CELL = ("protocol", "location", "region")


def _numbered(name: str, labels: tuple[str, ...]) -> Table:
    """Combinations of labels by their number within a service."""
    return Table(
        name,
        metadata,
        Column("service", Text, primary_key=True),
        Column("number", Integer, primary_key=True, autoincrement=False),
        *(Column(label, Text, nullable=False) for label in labels),
        sqlite_with_rowid=False,
    )


series = _numbered("series", (*_LEAF, "host", "node"))
series.append_column(
    Column("sent_to", Text, nullable=False)  # by a control agent: the service; empty for all others
)
leaves = _numbered("leaves", _LEAF)
cells = _numbered("cells", _CELL)

rosters = Table(
    "rosters",
    metadata,
    Column("service", Text, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("used", BigInteger, nullable=False),  # a minute within a day of the newest that refers to it
    Column("body", LargeBinary, nullable=False),  # coalmine_aggregator.history.roster_mask
    sqlite_with_rowid=False,
)

seconds = Table(
    "seconds",
    metadata,
    Column("service", Text, primary_key=True),
    Column("minute", BigInteger, primary_key=True),  # slot // 60
    Column("body", LargeBinary, nullable=False),  # coalmine_aggregator.history.minute
    sqlite_with_rowid=False,  # a week is read in the order in which it lies
)


def _rollup(name: str, large: bool) -> Table:
    """Sums over `step_s` (60 or 3600) seconds from slot `start` on. Rows that are larger than a quarter
    of a page would take pages of their own in a table of SQLite's without rowids."""
    return Table(
        name,
        metadata,
        Column("service", Text, primary_key=True),
        Column("step_s", Integer, primary_key=True),
        Column("start", BigInteger, primary_key=True),
        Column("body", LargeBinary, nullable=False),
        sqlite_with_rowid=large,
    )


sums = _rollup("sums", large=False)  # coalmine_aggregator.history.sums
step_times = _rollup("step_times", large=True)  # coalmine_aggregator.history.step_times

lives = Table(
    "lives",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("agent", Text, nullable=False),
    Column("at", Float, nullable=False),
    Column("status", Text, nullable=False),  # coalmine_aggregator.model.views.AgentStatus
    Column("note", Text, nullable=False),
)
Index("lives_by_time", lives.c.at)
Index("lives_by_agent", lives.c.agent, lives.c.at)

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
    Column("target", Text, primary_key=True, server_default=""),  # a person
    Column("step", Integer, primary_key=True, autoincrement=False, server_default="0"),
    Column("repeat", Integer, primary_key=True, autoincrement=False, server_default="0"),
    Column("change", Text, nullable=False),  # who has not heard of an alert is told that it opened
    Column("made_at", Float, nullable=False),
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

silences = Table(
    "silences",
    metadata,
    Column("id", Text, primary_key=True),
    Column("kind", Text, nullable=False),  # coalmine_aggregator.paging.silence
    Column("body", Text, nullable=False),  # JSON
    Column("starts_at", Float, nullable=False),
    Column("ends_at", Float, nullable=False),
    Column("ended_at", Float),  # by hand, before its time
)
Index("silences_by_end", silences.c.ends_at)

incidents = Table(
    "incidents",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("service", Text, nullable=False),
    Column("state", Text, nullable=False),  # coalmine_aggregator.model.incident.IncidentState
    Column("opened_at", Float, nullable=False),
    Column("resolved_at", Float),  # absent while it is open
    Column("updated_at", Float, nullable=False),
    Column("stands", Integer, nullable=False),  # 1 while it is open, or one of its alerts is; else 0
    Column("version", BigInteger, nullable=False),  # grows with each write of any incident
    Column("body", Text, nullable=False),  # as it stands, JSON
)
Index("incidents_by_version", incidents.c.version, unique=True)
Index("incidents_by_resolution", incidents.c.resolved_at)
Index("incidents_that_stand", incidents.c.stands)

incident_entries = Table(
    "incident_entries",
    metadata,
    Column("incident", BigInteger, primary_key=True, autoincrement=False),
    Column("sequence", Integer, primary_key=True, autoincrement=False),  # from 1
    Column("at", Float, nullable=False),
    Column("body", Text, nullable=False),  # JSON
)

incident_snapshots = Table(
    "incident_snapshots",
    metadata,
    Column("incident", BigInteger, primary_key=True, autoincrement=False),
    Column("name", Text, primary_key=True),
    Column("at", Float, nullable=False),
    Column("body", LargeBinary, nullable=False),  # SVG, UTF-8
)

audit = Table(
    "audit",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("at", Float, nullable=False),
    Column("actor", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("via", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("object", Text, nullable=False),
    Column("detail", Text, nullable=False),  # JSON, ASCII alone
)
Index("audit_by_actor", audit.c.actor, audit.c.id)
Index("audit_by_action", audit.c.action, audit.c.id)

remediation_log = Table(
    "remediation_log",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("at", Float, nullable=False),
    Column("kind", Text, nullable=False),  # coalmine_aggregator.model.remediation_event
    Column("service", Text, nullable=False),  # empty where it concerns all
    Column("node", Text, nullable=False),  # empty where it concerns the service
    Column("body", Text, nullable=False),  # JSON
)
Index(
    "remediation_log_by_node",
    remediation_log.c.service,
    remediation_log.c.node,
    remediation_log.c.id,
)

pins = Table(
    "pins",
    metadata,
    Column("service", Text, primary_key=True),
    Column("node", Text, primary_key=True),
    Column("state", Text),  # coalmine_aggregator.model.pin.PinState; absent once it was released
    Column("by", Text, nullable=False),
    Column("why", Text, nullable=False),
    Column("at", Float, nullable=False),
)
