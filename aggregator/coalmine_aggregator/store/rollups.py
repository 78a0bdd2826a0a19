"""Sums by leaf of minutes and hours that are over, made anew whenever what they are made of changes.

A minute's sums are written in the transaction that completes the minute or revises it, an hour's in the
one that completes the hour or changes any of its minutes. So they are exact whenever they are there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

import sqlalchemy as sa

from coalmine_aggregator.history import columns, sums
from coalmine_aggregator.history.minute_layout import SECONDS
from coalmine_aggregator.history.sums import Sums, SumsError
from coalmine_aggregator.store import schema
from coalmine_aggregator.store.database import upsert
from coalmine_aggregator.store.numbering import Numbering
from coalmine_aggregator.store.rosters import Rosters
from coalmine_aggregator.store.seconds import MinuteKey, Seconds
from coalmine_runtime import clock
from coalmine_runtime.logs import get_logger

log = get_logger("store")

MINUTE_S: Final = 60
HOUR_S: Final = 3_600

AT_ONCE: Final = 600
"""Minutes, and a tenth of it hours, that are summed for the first time in one transaction; what is left
waits for the next, or for the next run. What has sums already is never left with the old ones."""


class SummedUntil(NamedTuple):
    """The newest minute or hour with sums, the one of now, and the newest of all with sums, which is
    later where a clock was ahead. By number, -1 for none."""

    newest: int
    now: int
    ahead: int

    def lacks(self, column: sa.ColumnElement[int], size: int) -> sa.ColumnElement[bool]:
        """Whether sums are lacking by this column, of which a minute or hour is so many."""
        return sa.and_(
            column >= (self.newest + 1) * size,
            sa.or_(column < (self.now + 1) * size, column >= (self.ahead + 1) * size),
        )


def summed_until(
    connection: sa.Connection, table: sa.Table, mine: sa.ColumnElement[bool], step_s: int, now: int
) -> SummedUntil:
    """As a table has it for one service at that time."""
    start = sa.select(sa.func.max(table.c.start)).where(mine, table.c.step_s == step_s)
    found = (start.where(table.c.start <= now), start)
    newest, ahead = (connection.execute(each).scalar_one() for each in found)
    return SummedUntil(
        -1 if newest is None else newest // step_s,
        now // step_s,
        -1 if ahead is None else ahead // step_s,
    )


class Rollups:
    """What is due is kept until `written` is called, so that it is done anew if a commit fails."""

    def __init__(self, numbering: Numbering, rosters: Rosters, seconds: Seconds) -> None:
        self._numbering = numbering
        self._rosters = rosters
        self._seconds = seconds
        self._newest = -1
        self._minutes: set[MinuteKey] = set()
        self._hours: set[tuple[int, int]] = set()  # place, hour
        self._done: set[MinuteKey] = set()
        self._hours_done: set[tuple[int, int]] = set()
        self._summed: dict[int, int] = {}  # by place, the newest minute and the newest hour with sums:
        self._hours_summed: dict[int, int] = {}  # a later run finds what is after them

    @property
    def newest(self) -> int:
        """The newest slot that was kept, -1 without any; none of a clock that was ahead."""
        return self._newest

    def load(self, connection: sa.Connection) -> None:
        """Finds what an earlier run could not sum up any more."""
        table, rolled, now = schema.seconds, schema.sums, int(clock.wall())
        for place, known in enumerate(self._numbering.services):
            mine = table.c.service == known.service
            newest = connection.execute(
                sa.select(sa.func.max(table.c.minute)).where(mine, table.c.minute <= now // SECONDS)
            ).scalar_one()
            if newest is not None:
                self._newest = max(self._newest, newest * SECONDS)
            sums_of = rolled.c.service == known.service
            summed = summed_until(connection, rolled, sums_of, MINUTE_S, now)
            self._summed[place] = summed.newest
            waiting = connection.execute(
                sa.select(table.c.minute).where(mine, summed.lacks(table.c.minute, 1))
            )
            self._minutes |= {MinuteKey(place, minute) for minute in waiting.scalars()}
            summed = summed_until(connection, rolled, sums_of, HOUR_S, now)
            self._hours_summed[place] = summed.newest
            hours = connection.execute(
                sa.select(rolled.c.start).where(
                    sums_of, rolled.c.step_s == MINUTE_S, summed.lacks(rolled.c.start, HOUR_S)
                )
            )
            self._hours |= {(place, start // HOUR_S) for start in hours.scalars()}

    def write(self, connection: sa.Connection, bodies: Mapping[MinuteKey, bytes], newest: int) -> None:
        """Sums up what is over at slot `newest`; `bodies` are the minutes that have just changed."""
        self._newest = max(self._newest, min(newest, int(clock.wall())))
        self._minutes |= bodies.keys()
        again = {key for key in self._minutes if key.minute <= self._summed.get(key.place, -1)}
        first = sorted(
            key for key in self._minutes - again if (key.minute + 1) * SECONDS <= self._newest + 1
        )
        self._done = again | set(first[:AT_ONCE])
        rows = []
        for key in sorted(self._done):
            found = self._of_minute(connection, key, bodies.get(key))
            if found is not None:
                rows.append(self._row(key.place, MINUTE_S, key.minute * SECONDS, sums.encode(found)))
            self._hours.add((key.place, key.minute * SECONDS // HOUR_S))
        upsert(connection, schema.sums, rows)
        waiting = {(key.place, key.minute * SECONDS // HOUR_S) for key in first[AT_ONCE:]}
        hours = self._hours - waiting
        hours_again = {each for each in hours if each[1] <= self._hours_summed.get(each[0], -1)}
        hours_first = sorted(
            each for each in hours - hours_again if (each[1] + 1) * HOUR_S <= self._newest + 1
        )
        self._hours_done = hours_again | set(hours_first[: AT_ONCE // 10])
        upsert(
            connection,
            schema.sums,
            [
                self._row(place, HOUR_S, hour * HOUR_S, self._of_hour(connection, place, hour))
                for place, hour in self._hours_done
            ],
        )

    def written(self) -> None:
        """What was written is committed."""
        self._minutes -= self._done
        self._hours -= self._hours_done
        for place, minute in self._done:
            self._summed[place] = max(self._summed.get(place, -1), minute)
        for place, hour in self._hours_done:
            self._hours_summed[place] = max(self._hours_summed.get(place, -1), hour)

    def _of_minute(self, connection: sa.Connection, key: MinuteKey, body: bytes | None) -> Sums | None:
        body = body or self._seconds.read(connection, key)
        if body is None:
            return None
        known = self._numbering.services[key.place]
        read = columns.read([(key.minute, body)])
        if read.damaged:
            log.error("store.minute.damaged", minute=key.minute, error=str(dict(read.faults)))
            return None
        expected = self._rosters.expected_of(connection, key.place, set(read.roster.tolist()))
        return sums.of_minute(key.minute, read, expected, known.leaf_of.values, len(known.leaves))

    def _of_hour(self, connection: sa.Connection, place: int, hour: int) -> bytes:
        table = schema.sums
        bodies = connection.execute(
            sa.select(table.c.body).where(
                table.c.service == self._numbering.services[place].service,
                table.c.step_s == MINUTE_S,
                table.c.start.between(hour * HOUR_S, hour * HOUR_S + HOUR_S - 1),
            )
        )
        parts = []
        for body in bodies.scalars():
            try:
                parts.append(sums.decode(body))
            except SumsError as error:
                log.error("store.sums.damaged", hour=hour, error=error)
        return sums.encode(sums.add(parts))

    def _row(self, place: int, step_s: int, start: int, body: bytes) -> dict[str, object]:
        service = self._numbering.services[place].service
        return {"service": service, "step_s": step_s, "start": start, "body": body}
