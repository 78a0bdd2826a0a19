"""Counts by group and bucket of time, from what was kept and what memory knows beyond it."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from coalmine_aggregator.history.columns import Columns
from coalmine_aggregator.history.tally import Tally, expected_by_group, tally
from coalmine_aggregator.model.endings import COLUMNS
from coalmine_aggregator.model.label_filter import LabelFilter
from coalmine_aggregator.reading import seconds
from coalmine_aggregator.reading.catalogue import Catalogue
from coalmine_aggregator.reading.frames import RefusedError
from coalmine_aggregator.reading.grouping import Grouping, Groups, Labels
from coalmine_aggregator.reading.library import Library
from coalmine_aggregator.reading.question import MAX_BY_HOST_S, MAX_POINTS, Question, check_points
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
    """The answer to a question. Raises `RefusedError`."""
    if question.below_leaves and question.last - question.first >= MAX_BY_HOST_S:
        raise RefusedError.of(
            400,
            "range-too-long",
            f"Hosts and nodes are asked of {MAX_BY_HOST_S // 86_400} days at once.",
            hint="ask for a shorter range, or by other labels",
            parameter="from",
        )
    wanted = LabelFilter(question.where)
    groups = Groups(question.by, wanted)
    total = _Growing(question)
    services = asked_services(library, connection, wanted)
    for service in services:
        catalogue = library.catalogue(connection, schema.series, service)
        counter = _Counter(library, connection, catalogue, groups)
        for columns in seconds.read(connection, service, question.first, question.last):
            total.add(counter.tally(columns, question))
        total.end_service()
    if tail is not None:
        total.add_tail(tail, groups, seconds.newest_slot(connection, services))
    return total.counts(groups)


def asked_services(library: Library, connection: sa.Connection, wanted: LabelFilter) -> list[str]:
    """The services that a filter takes; those of our own only where it names one exactly."""
    return [
        service
        for service in library.services(connection)
        if wanted.matches("service", service)
        and (not service.startswith(OWN_PREFIX) or wanted.where.get("service") == service)
    ]


class _Counter:
    """Counts one service's seconds by group."""

    def __init__(
        self, library: Library, connection: sa.Connection, catalogue: Catalogue, groups: Groups
    ) -> None:
        self._library = library
        self._connection = connection
        self._catalogue = catalogue
        self._groups = groups
        self._grouping = Grouping(groups, catalogue)
        self._expected: dict[int, Sums] = {}

    def tally(self, columns: Columns, question: Question) -> Tally:
        """The counts of these columns, by the groups that came up so far."""
        for roster in np.unique(columns.roster).tolist():
            if roster not in self._expected:
                self._admit(roster)
        size = len(self._groups)
        check_points(question.buckets, size, question.step_s, _MOST_ON_THE_WAY)
        first = max(question.first, int(columns.seen_slot[0]))
        last = min(question.last, int(columns.seen_slot[-1]))
        if last < first:
            first = last = question.first
        expected = {
            roster: np.pad(known, (0, size - len(known))) for roster, known in self._expected.items()
        }
        return tally(columns, expected, self._grouping.of, size, first, last, question.step_s)

    def _admit(self, roster: int) -> None:
        mask = self._library.roster(self._connection, self._catalogue.service, roster)
        if mask is not None:  # seconds of a roster that is lost count as not seen
            self._grouping.admit(mask)
            self._expected[roster] = expected_by_group(mask, self._grouping.of, len(self._groups))


class _Growing:
    """Sums of all buckets of a question, of more groups as they come up."""

    def __init__(self, question: Question) -> None:
        self._question = question
        self._first = question.first // question.step_s * question.step_s
        self._sums = np.zeros((question.buckets, 0, COLUMNS), dtype=np.int64)
        self._seen = np.zeros(question.buckets, dtype=np.int32)
        self._seen_of_service = np.zeros_like(self._seen)

    def add(self, part: Tally) -> None:
        """Adds some slots of a service."""
        step_s = self._question.step_s
        begin = (part.first - self._first) // step_s
        of_part = slice(begin, begin + len(part.seen))
        self._widen(part.sums.shape[1])
        self._sums[of_part, : part.sums.shape[1]] += part.sums
        self._seen_of_service[of_part] += part.seen

    def end_service(self) -> None:
        """All of a service is added: seconds that several services saw count once."""
        np.maximum(self._seen, self._seen_of_service, out=self._seen)
        self._seen_of_service[:] = 0

    def add_tail(self, tail: Tail, groups: Groups, newest: int | None) -> None:
        """Adds the slots of a tail that lie after the newest one that is kept."""
        question = self._question
        slots = np.array(tail.slots, dtype=np.int64)
        chosen = (slots >= question.first) & (slots <= question.last)
        if newest is not None:
            chosen &= slots > newest
        if not chosen.any():
            return
        number = [groups.number(tuple(labels)) for labels in tail.labels]
        check_points(question.buckets, len(groups), question.step_s, _MOST_ON_THE_WAY)
        self._widen(len(groups))
        bucket = (slots[chosen] - self._first) // question.step_s
        for row, counts in zip(bucket.tolist(), tail.table()[chosen], strict=True):
            self._sums[row, number] += counts
            self._seen[row] += 1

    def counts(self, groups: Groups) -> Counts:
        """The answer, without groups that expected nothing."""
        labels = groups.labels
        self._widen(len(labels))
        some = np.flatnonzero(self._sums.any(axis=(0, 2))).tolist()
        order = sorted(some, key=labels.__getitem__)
        check_points(self._question.buckets, len(order), self._question.step_s)
        return Counts(
            self._first,
            self._question.step_s,
            [labels[group] for group in order],
            self._sums[:, order],
            self._seen,
        )

    def _widen(self, groups: int) -> None:
        more = groups - self._sums.shape[1]
        if more > 0:
            self._sums = np.pad(self._sums, ((0, 0), (0, more), (0, 0)))
