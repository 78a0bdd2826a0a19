"""Step times by minute, as they come, and by hour, once it is over."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
import sqlalchemy as sa

from coalmine_aggregator.history import step_times
from coalmine_aggregator.history.step_times import StepTimes, StepTimesError
from coalmine_aggregator.model.timings import Timings
from coalmine_aggregator.store import schema
from coalmine_aggregator.store.database import upsert
from coalmine_aggregator.store.numbering import Numbering
from coalmine_aggregator.store.rollups import HOUR_S, MINUTE_S, summed_until
from coalmine_runtime import clock
from coalmine_runtime.logs import get_logger

log = get_logger("store")

_OPEN: Final = 8
"""Minutes of all services that are held as exact counts; rows are rounded a little."""


class StepLog:
    """What a commit adds counts once it is `written`, so that a failed one adds nothing."""

    def __init__(self, numbering: Numbering) -> None:
        self._numbering = numbering
        self._open: dict[tuple[int, int], StepTimes] = {}  # by place and minute
        self._new: dict[tuple[int, int], StepTimes] = {}
        self._hours: set[tuple[int, int]] = set()
        self._done: set[tuple[int, int]] = set()

    def load(self, connection: sa.Connection) -> None:
        """Finds the hours that an earlier run could not add up any more."""
        table = schema.step_times
        for place, known in enumerate(self._numbering.services):
            mine = table.c.service == known.service
            summed = summed_until(connection, table, mine, HOUR_S, int(clock.wall()))
            # Of the newest hour with sums a clock that was ahead may have left only the beginning.
            summed = summed._replace(newest=summed.newest - 1)
            starts = connection.execute(
                sa.select(table.c.start).where(
                    mine, table.c.step_s == MINUTE_S, summed.lacks(table.c.start, HOUR_S)
                )
            )
            self._hours |= {(place, start // HOUR_S) for start in starts.scalars()}

    def write(self, connection: sa.Connection, waiting: Mapping[int, Timings], newest: int) -> None:
        """Adds step times, by slot, to their minutes; adds up hours that are over at slot `newest`."""
        self._new = {}
        for slot, timings in waiting.items():
            service = self._numbering.service_of(timings.series)
            number = self._numbering.number_of(timings.series)
            for place in np.flatnonzero(np.bincount(service)).tolist():
                those = service == place
                cell = self._numbering.services[place].cell_of.values[number[those]]
                fresh = step_times.of_timings(cell, timings.steps_us[those])
                key = (place, slot // MINUTE_S)
                before = self._new.get(key) or self._minute(connection, key)
                self._new[key] = step_times.add((before, fresh))
                self._hours.add((place, slot // HOUR_S))
        rows = [
            self._row(place, MINUTE_S, minute * MINUTE_S, times)
            for (place, minute), times in self._new.items()
        ]
        self._done = {each for each in self._hours if (each[1] + 1) * HOUR_S <= newest + 1}
        rows += [
            self._row(place, HOUR_S, hour * HOUR_S, self._of_hour(connection, place, hour))
            for place, hour in self._done
        ]
        upsert(connection, schema.step_times, rows)

    def written(self) -> None:
        """What was written is committed."""
        self._hours -= self._done
        self._open.update(self._new)
        newest = sorted(self._open, key=lambda key: key[1])
        for key in newest[: -_OPEN - len(self._numbering.services)]:
            del self._open[key]

    def _minute(self, connection: sa.Connection, key: tuple[int, int]) -> StepTimes:
        held = self._open.get(key)
        if held is None:
            place, minute = key
            parts = self._read(connection, place, minute * MINUTE_S, minute * MINUTE_S)
            held = step_times.add(parts.values())
        return held

    def _of_hour(self, connection: sa.Connection, place: int, hour: int) -> StepTimes:
        first = hour * HOUR_S
        parts = self._read(connection, place, first, first + HOUR_S - 1)
        new = {key: times for key, times in self._new.items() if key[0] == place}
        return step_times.add(
            [
                *(times for start, times in parts.items() if (place, start // MINUTE_S) not in new),
                *(times for key, times in new.items() if key[1] * MINUTE_S // HOUR_S == hour),
            ]
        )

    def _read(
        self, connection: sa.Connection, place: int, first: int, last: int
    ) -> dict[int, StepTimes]:
        """What is kept of the minutes that begin between two slots, by their first slot."""
        table = schema.step_times
        rows = connection.execute(
            sa.select(table.c.start, table.c.body).where(
                table.c.service == self._numbering.services[place].service,
                table.c.step_s == MINUTE_S,
                table.c.start.between(first, last),
            )
        )
        found = {}
        for start, body in rows:
            try:
                found[start] = step_times.decode(body)
            except StepTimesError as error:
                log.error("store.step_times.damaged", start=start, error=error)
        return found

    def _row(self, place: int, step_s: int, start: int, times: StepTimes) -> dict[str, object]:
        service = self._numbering.services[place].service
        body = step_times.encode(times)
        return {"service": service, "step_s": step_s, "start": start, "body": body}
