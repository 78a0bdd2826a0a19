"""How every series of a service ended, second by second, read back. Blocks: runs on a thread."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from coalmine_aggregator.history import columns, roster_mask
from coalmine_aggregator.history.columns import Columns
from coalmine_aggregator.history.exceptions import Seconds, together
from coalmine_aggregator.history.minute_layout import SECONDS
from coalmine_aggregator.history.roster_mask import RosterError
from coalmine_aggregator.ledger.series import AllSeries
from coalmine_aggregator.store import schema
from coalmine_aggregator.store.numbering import AT_ONCE, LEAF_LABELS
from coalmine_runtime.logs import get_logger
from coalmine_wire.protocols import Protocol
from coalmine_wire.series import Location, Series

log = get_logger("store")

Mask = NDArray[np.bool_]

MOST_MINUTES: Final = 360
"""So many are read at once."""


class RecordedMinute(NamedTuple):
    """One minute of one service. Of each second that was seen: its `slot` int64[m], the number of its
    `roster` int64[m] and the `usual` ending uint8[m]. `others` are those that ended otherwise, by slot.
    """

    minute: int
    slot: NDArray[np.int64]
    roster: NDArray[np.int64]
    usual: NDArray[np.uint8]
    others: Seconds


class RecordedSeries:
    """One service as it was when this was made: in `series` ids are the numbers that minutes go by."""

    def __init__(self, connection: sa.Connection, service: str) -> None:
        self.service = service
        self.series = AllSeries()
        self._rosters: dict[int, Mask] = {}
        table = schema.series
        chosen = [table.c[label] for label in (*LEAF_LABELS, "host", "node")]
        query = sa.select(*chosen).where(table.c.service == service).order_by(table.c.number)
        result = connection.execute(query.execution_options(yield_per=AT_ONCE))
        for protocol, variant, location, region, zone, host, node in result:
            labels = (service, Protocol(protocol), variant, Location(location), region, zone, host)
            self.series.add(Series(*labels, node), control=False)

    def bounds(self, connection: sa.Connection) -> tuple[int, int] | None:
        """The first and the last minute of which anything is kept; None where nothing is."""
        table = schema.seconds
        oldest, newest = connection.execute(
            sa.select(sa.func.min(table.c.minute), sa.func.max(table.c.minute)).where(
                table.c.service == self.service
            )
        ).one()
        return None if oldest is None else (oldest, newest)

    def minutes(self, connection: sa.Connection, first: int, end: int) -> list[RecordedMinute]:
        """What is kept of the minutes from `first` to before `end`, ascending, `MOST_MINUTES` at most.
        Damaged ones are left out, and said."""
        table = schema.seconds
        last = min(end, first + MOST_MINUTES) - 1
        rows = connection.execute(
            sa.select(table.c.minute, table.c.body)
            .where(table.c.service == self.service, table.c.minute.between(first, last))
            .order_by(table.c.minute)
        )
        found: list[RecordedMinute] = []
        for part in columns.pieces((minute, body) for minute, body in rows):
            if part.damaged:
                faults = str(dict(part.faults))
                log.error("store.minute.damaged", service=self.service, faults=faults)
            found += _cut(part)
        needed = {number for minute in found for number in np.unique(minute.roster).tolist()}
        known = self._rosters
        self._rosters = {
            number: known[number] if number in known else self._roster(connection, number)
            for number in needed
        }
        return found

    def roster(self, number: int) -> Mask:
        """bool[n]: who was expected in a minute of those read last, by number, those below n; nobody
        where that is not to be had any more."""
        return self._rosters[number]

    def _roster(self, connection: sa.Connection, number: int) -> Mask:
        table = schema.rosters
        body = connection.execute(
            sa.select(table.c.body).where(table.c.service == self.service, table.c.number == number)
        ).scalar_one_or_none()
        try:
            return roster_mask.decode(body or b"")
        except RosterError as error:
            log.error("store.roster.damaged", service=self.service, number=number, error=error)
            return np.zeros(0, dtype=np.bool_)


def _cut(part: Columns) -> Iterator[RecordedMinute]:
    """Rows that were read together, one by one."""
    others = together(part.single.by_second(), part.lasting.by_second())
    order = np.argsort(others.slot, kind="stable")
    others = _of(others, order)
    minutes = np.unique(part.seen_slot // SECONDS)
    edges = np.append(minutes, minutes[-1:] + 1) * SECONDS
    seen = np.searchsorted(part.seen_slot, edges)
    apart = np.searchsorted(others.slot, edges)
    for index, minute in enumerate(minutes.tolist()):
        mine, theirs = (slice(int(at[index]), int(at[index + 1])) for at in (seen, apart))
        yield RecordedMinute(
            minute,
            part.seen_slot[mine],
            part.roster[mine],
            part.usual[mine],
            _of(others, theirs),
        )


def _of(others: Seconds, those: NDArray[np.intp] | slice) -> Seconds:
    return Seconds(others.slot[those], others.number[those], others.ending[those])
