"""Opening a store: the database, and all that is read of it before the first write. Blocks."""

from __future__ import annotations

import sqlalchemy as sa

from coalmine_aggregator.store import read
from coalmine_aggregator.store.audit_log import next_audit_number
from coalmine_aggregator.store.commit import HistoryWriter
from coalmine_aggregator.store.database import open_engine
from coalmine_aggregator.store.paging_log import Round, read_rounds
from coalmine_aggregator.store.remediation_log import next_event_number
from coalmine_aggregator.store.retention import Retention

Numbers = tuple[int, int, int, dict[int, Round]]
"""The next transition's, the next audit entry's, that of remediation's log, and the rounds of open
alerts by theirs."""


def opened(url: str, retention: Retention) -> tuple[sa.Engine, HistoryWriter, Numbers]:
    """The engine, what writes history by it, and where numbers go on. Leaves nothing open where it
    raises: `StoreError`, `DBAPIError`, `NumberingError`."""
    engine = open_engine(url)
    try:
        writer = HistoryWriter(engine, retention)
        writer.load()
        with engine.connect() as connection:
            return (
                engine,
                writer,
                (
                    read.next_id(connection),
                    next_audit_number(connection),
                    next_event_number(connection),
                    read_rounds(connection),
                ),
            )
    except BaseException:
        engine.dispose()
        raise
