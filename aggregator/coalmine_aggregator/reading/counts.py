"""Counts by group and bucket of time, from what was kept and what memory knows beyond it."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from coalmine_aggregator.history import sums_columns
from coalmine_aggregator.history.tally import Tally, add, blank, expected_by_group
from coalmine_aggregator.model.label_filter import LabelFilter
from coalmine_aggregator.reading import rollups, seconds
from coalmine_aggregator.reading.frames import RefusedError
from coalmine_aggregator.reading.grouping import Grouping, Groups, Labels
from coalmine_aggregator.reading.library import Library
from coalmine_aggregator.reading.question import (
    MAX_BY_HOST_S,
    MAX_POINTS,
    Question,
    check_points,
)
from coalmine_aggregator.reading.rollups import HOUR, MINUTE, SECOND, Segment
from coalmine_aggregator.reading.tail import Tail
from coalmine_aggregator.store import schema

Sums = NDArray[np.int64]

OWN_PREFIX: Final = "_"
"""Services of ours begin so; only who names one gets it."""

_MOST_ON_THE_WAY: Final = 2 * MAX_POINTS
"""Groups may turn out to be empty, and are left out in the end."""


class Counts(NamedTuple):
    """int64[buckets, groups, COLUMNS] and, in how many seconds anything is known, int32[buckets].

    Buckets begin at `first`, `first + step_s`, ...; `labels` are the groups', ascending; all expected
    something.
    """

    first: int
    step_s: int
    labels: list[Labels]
    sums: Sums
    seen: NDArray[np.int32]


def count(
    library: Library, connection: sa.Connection, question: Question, tail: Tail | None = None
) -> Counts:
    """The answer to a question; `tail` holds what memory knows beyond the store. Raises
    `RefusedError`."""
    if question.below_leaves and question.last - question.first >= MAX_BY_HOST_S:
        raise RefusedError.of(
            400,
            "range-too-long",
            f"Hosts and nodes are asked of {MAX_BY_HOST_S // 86_400} days at once.",
            hint="ask for a shorter range, or by other labels",
            parameter="from",
        )
    wanted = LabelFilter(question.where)
    total = _Total(question, Groups(question.by, wanted))
    services = asked_services(library, connection, wanted)
    for service in services:
        _Service(library, connection, service, total).add_all()
        total.end_service()
    if tail is not None:
        total.add_tail(tail, seconds.newest_slot(connection, services))
    return total.counts()


def asked_services(library: Library, connection: sa.Connection, wanted: LabelFilter) -> list[str]:
    """The services that a filter takes; those of our own only where it names one exactly."""
    return [
        service
        for service in library.services(connection)
        if wanted.matches("service", service)
        and (not service.startswith(OWN_PREFIX) or wanted.where.get("service") == service)
    ]


class _Total:
    """Sums of all buckets of a question, of more groups as they come up."""

    def __init__(self, question: Question, groups: Groups) -> None:
        self.question = question
        self.groups = groups
        self._tally = self._blank(0)
        self._seen = np.zeros_like(self._tally.seen)

    def part(self) -> Tally:
        """The sums, to be added to, with room for all groups that came up, and what was seen of the
        service that is being added."""
        size = len(self.groups)
        if size > self._tally.sums.shape[1]:
            check_points(self.question.buckets, size, self.question.step_s, _MOST_ON_THE_WAY)
            wider = self._blank(size)
            wider.sums[:, : self._tally.sums.shape[1]] = self._tally.sums
            wider.seen[:] = self._tally.seen
            self._tally = wider
        return self._tally

    def end_service(self) -> None:
        """All of a service is added: seconds that several services saw count once."""
        np.maximum(self._seen, self._tally.seen, out=self._seen)
        self._tally.seen[:] = 0

    def add_tail(self, tail: Tail, newest: int | None) -> None:
        """Adds the slots of a tail that lie after the newest one that is kept."""
        slots = np.array(tail.slots, dtype=np.int64)
        chosen = (slots >= self.question.first) & (slots <= self.question.last)
        if newest is not None:
            chosen &= slots > newest
        if not chosen.any():
            return
        number = [self.groups.number(tuple(labels)) for labels in tail.labels]
        total = self.part()
        buckets = (slots[chosen] - total.first) // total.step_s
        for bucket, counts in zip(buckets.tolist(), tail.table()[chosen], strict=True):
            total.sums[bucket, number] += counts
            self._seen[bucket] += 1

    def counts(self) -> Counts:
        """The answer, without groups that expected nothing."""
        total, labels = self.part(), self.groups.labels
        some = np.flatnonzero(total.sums.any(axis=(0, 2))).tolist()
        order = sorted(some, key=labels.__getitem__)
        check_points(self.question.buckets, len(order), self.question.step_s)
        named = [labels[group] for group in order]
        return Counts(total.first, total.step_s, named, total.sums[:, order], self._seen)

    def _blank(self, groups: int) -> Tally:
        return blank(groups, self.question.first, self.question.last, self.question.step_s)


class _Service:
    """Adds what is kept of one service to the total."""

    def __init__(
        self, library: Library, connection: sa.Connection, service: str, total: _Total
    ) -> None:
        self._library = library
        self._connection = connection
        self._service = service
        self._total = total
        series = library.catalogue(connection, schema.series, service)
        self._of_series = Grouping(total.groups, series)
        self._of_leaves: Grouping | None = None
        self._expected: dict[int, Sums] = {}

    def add_all(self) -> None:
        """Adds every segment of the question's time."""
        question = self._total.question
        steps = [
            step_s
            for step_s in (HOUR, MINUTE)
            if question.step_s % step_s == 0 and not question.below_leaves
        ]
        ends = rollups.ends(self._connection, self._service) if steps else {}
        for segment in rollups.segments(question.first, question.last, steps, ends):
            if segment.step_s == SECOND:
                self._add_seconds(segment)
            else:
                self._add_sums(segment)

    def _add_seconds(self, segment: Segment) -> None:
        for columns in seconds.read(self._connection, self._service, segment.first, segment.last):
            for roster in np.unique(columns.roster).tolist():
                if roster not in self._expected:
                    self._admit(roster)
            total = self._total.part()
            groups = total.sums.shape[1]
            expected = {
                roster: np.pad(known, (0, groups - len(known)))
                for roster, known in self._expected.items()
            }
            part = total._replace(asked=(segment.first, segment.last))
            add(part, columns, expected, self._of_series.of)

    def _admit(self, roster: int) -> None:
        mask = self._library.roster(self._connection, self._service, roster)
        if mask is not None:  # seconds of a roster that is lost count as not seen
            self._of_series.admit(mask)
            size = len(self._total.groups)
            self._expected[roster] = expected_by_group(mask, self._of_series.of, size)

    def _add_sums(self, segment: Segment) -> None:
        if self._of_leaves is None:
            leaves = self._library.catalogue(self._connection, schema.leaves, self._service)
            self._of_leaves = Grouping(self._total.groups, leaves)
            self._of_leaves.admit_all()
        total = self._total.part()._replace(asked=(segment.first, segment.last))
        for columns in rollups.read(self._connection, self._service, segment):
            sums_columns.add(total, columns, self._of_leaves.of)
