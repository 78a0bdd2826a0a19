"""The counts of a service by component: of seconds and of whole days, as the store has them. Blocks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from coalmine_aggregator.history.minute_layout import SECONDS
from coalmine_aggregator.reading.counts import count
from coalmine_aggregator.reading.grouping import Labels
from coalmine_aggregator.reading.judged import judged_and_bad
from coalmine_aggregator.reading.library import Library
from coalmine_aggregator.reading.question import TOTAL_STEP_S, Question
from coalmine_aggregator.status.components import Cell, Component, Components
from coalmine_aggregator.status.days import DaySpan, DaySums
from coalmine_aggregator.status_page.known_days import KnownDay
from coalmine_aggregator.status_page.recent_seconds import KEPT, RecentSeconds
from coalmine_aggregator.store import schema

_BY: Final = ("protocol", "region")

MOST_MINUTES: Final = 2 * KEPT // SECONDS
"""Rows of minutes that are looked at at once: where some hold few seconds, still an hour of them."""

PIECE_MIN: Final = 10
"""Minutes that are read in one piece: seconds times groups are bounded."""

RECHECK_S: Final = 120
"""Seconds before the newest one are read again at each look: most late evidence is of them."""


class ServiceCounts:
    """Reads what the components of one service lost. Raises what SQLAlchemy does."""

    def __init__(self, components: Components, service: str) -> None:
        self.service = service
        self._components = components
        self._library = Library()
        self._place = {each.id: place for place, each in enumerate(self.own)}

    @property
    def own(self) -> list[Component]:
        """The components that are part of it."""
        return [each for each in self._components.all if each.service == self.service]

    def read_seconds(self, connection: sa.Connection, recent: RecentSeconds, recheck_s: int) -> None:
        """Puts what is new since the newest second that `recent` has, and once more the seconds that
        lie up to `recheck_s` before it; at first as many as are remembered."""
        newest = recent.newest
        oldest = 0 if newest is None else (newest - recheck_s) // SECONDS
        for first, last in self._minutes(connection, oldest):
            begin, end = first * SECONDS, (last + 1) * SECONDS - 1
            counts = count(self._library, connection, self._question(begin, end, 1))
            seen = np.flatnonzero(counts.seen)
            judged, bad = judged_and_bad(counts.sums[seen])
            to = self._columns(counts.labels)
            recent.put(begin, end, counts.first + seen.astype(np.int64), judged @ to, bad @ to)

    def read_day(self, connection: sa.Connection, span: DaySpan) -> KnownDay:
        """What there was on a day."""
        counts = count(self._library, connection, self._question(span.first, span.last, TOTAL_STEP_S))
        judged, bad = judged_and_bad(counts.sums)
        to = self._columns(counts.labels)
        sums = zip((judged @ to).sum(axis=0).tolist(), (bad @ to).sum(axis=0).tolist(), strict=True)
        return KnownDay(
            {
                component.id: DaySums(span.date, some, lost)
                for component, (some, lost) in zip(self.own, sums, strict=True)
                if some
            },
            frozenset(Cell(self.service, protocol, region) for protocol, region in counts.labels),
        )

    def _question(self, first: int, last: int, step_s: int) -> Question:
        return Question(_BY, {"service": self.service}, first, last, step_s)

    def _minutes(self, connection: sa.Connection, oldest: int) -> Iterator[tuple[int, int]]:
        """Runs of minutes from `oldest` on of which anything is kept, first and last of each."""
        table = schema.seconds
        rows = connection.execute(
            sa.select(table.c.minute)
            .where(table.c.service == self.service, table.c.minute >= oldest)
            .order_by(table.c.minute.desc())
            .limit(MOST_MINUTES)
        )
        run: list[int] = []
        for minute in sorted(rows.scalars()):
            if run and (minute != run[-1] + 1 or len(run) == PIECE_MIN):
                yield run[0], run[-1]
                run = []
            run.append(minute)
        if run:
            yield run[0], run[-1]

    def _columns(self, labels: Sequence[Labels]) -> NDArray[np.int64]:
        """int64[groups, components]: 1 where a component takes a group's datapoints."""
        to = np.zeros((len(labels), len(self._place)), dtype=np.int64)
        for row, (protocol, region) in enumerate(labels):
            for component in self._components.of(Cell(self.service, protocol, region)):
                to[row, self._place[component.id]] = 1
        return to
