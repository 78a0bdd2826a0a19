"""What an incident cost: datapoints of all that it affected, each counted once, from what is kept."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final, NamedTuple

import msgspec
import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from coalmine_aggregator.history import sums_columns
from coalmine_aggregator.history.tally import Tally, add, blank, expected_by_group
from coalmine_aggregator.model.incident import Affected, CellImpact
from coalmine_aggregator.model.label_filter import LabelFilter
from coalmine_aggregator.model.scopes import Leaf, Scope, contains
from coalmine_aggregator.reading import rollups, seconds
from coalmine_aggregator.reading.counts import OWN_PREFIX
from coalmine_aggregator.reading.grouping import Grouping, Groups
from coalmine_aggregator.reading.judged import judged_and_bad
from coalmine_aggregator.reading.library import Library
from coalmine_aggregator.reading.question import TOTAL_STEP_S
from coalmine_aggregator.reading.rollups import HOUR, MINUTE, SECOND, Segment
from coalmine_aggregator.store import schema

BY: Final = ("protocol", "region")

Scopes = frozenset[Scope]
Stretch = tuple[int, int]
GroupOf = NDArray[np.int32]


class ImpactAsked(msgspec.Struct, frozen=True):
    """All that `affected` says of a service, from slot `first` to slot `last`, both included."""

    service: str
    affected: tuple[Affected, ...]
    first: int
    last: int


class ImpactFound(msgspec.Struct, frozen=True):
    """The counts, by protocol and region; `last` is the newest slot that is in them: what is not kept
    yet is not. The total of a cell is of the slots in which anything of it was affected."""

    first: int
    last: int
    cells: tuple[CellImpact, ...]


def impact(library: Library, connection: sa.Connection, asked: ImpactAsked) -> ImpactFound:
    """The answer. Services of our own have no customers, and no cells."""
    newest = seconds.newest_slot(connection, [asked.service])
    last = asked.last if newest is None else min(asked.last, newest)
    if newest is None or last < asked.first or asked.service.startswith(OWN_PREFIX):
        return ImpactFound(asked.first, max(asked.first, last), ())
    counting = _Counting(library, connection, asked.service, asked.first, last)
    for scopes, stretches in stretches_of(asked.affected, asked.first, last).items():
        counting.add(scopes, stretches)
    return ImpactFound(asked.first, last, counting.cells())


def stretches_of(affected: Sequence[Affected], first: int, last: int) -> dict[Scopes, list[Stretch]]:
    """The slots from `first` to `last` by which scopes were affected in them, without those that lie in
    another; where none was, they are left out."""
    spans = [
        (each.scope, max(first, each.first), last if each.last is None else min(last, each.last))
        for each in affected
    ]
    edges = sorted({edge for _, begin, end in spans if begin <= end for edge in (begin, end + 1)})
    found: defaultdict[Scopes, list[Stretch]] = defaultdict(list)
    for begin, after in pairwise(edges):
        scopes = _widest(scope for scope, one, other in spans if one <= begin <= other)
        if not scopes:
            continue
        before = found[scopes]
        if before and before[-1][1] == begin - 1:
            before[-1] = (before[-1][0], after - 1)
        else:
            before.append((begin, after - 1))
    return dict(found)


def _widest(scopes: Iterator[Scope]) -> Scopes:
    every = set(scopes)
    return frozenset(
        each for each in every if not any(other != each and contains(other, each) for other in every)
    )


class _Members(NamedTuple):
    """int32[numbers]: the group of each number that is affected, and of each in a group of which
    anything is; -1 for the others."""

    within: GroupOf
    whole: GroupOf


class _Counting:
    """Adds up one service's datapoints by protocol and region."""

    def __init__(
        self, library: Library, connection: sa.Connection, service: str, first: int, last: int
    ) -> None:
        self._library = library
        self._connection = connection
        self._service = service
        self._groups = Groups(BY, LabelFilter({}))
        self._ends = rollups.ends(connection, service)
        self._within = blank(0, first, last, TOTAL_STEP_S)
        self._whole = self._within

    def add(self, scopes: Scopes, stretches: Sequence[Stretch]) -> None:
        """Adds what lies in any of these scopes, over stretches that do not overlap."""
        below = any(label not in Leaf._fields for scope in scopes for label, _ in scope)
        steps = () if below else (HOUR, MINUTE)
        series = self._members(schema.series, scopes)
        leaves = None if below else self._members(schema.leaves, scopes)
        self._make_room()
        for first, last in stretches:
            for segment in rollups.segments(first, last, steps, self._ends):
                if segment.step_s == SECOND:
                    self._add_seconds(segment, series)
                elif leaves is not None:
                    self._add_sums(segment, leaves)

    def cells(self) -> tuple[CellImpact, ...]:
        """What was counted, in order; a cell in which nothing was judged is left out."""
        within, lost = judged_and_bad(self._within.sums[0])
        whole, _ = judged_and_bad(self._whole.sums[0])
        judged, bad, total = within.tolist(), lost.tolist(), whole.tolist()
        cells = [
            CellImpact(protocol, region, bad[group], judged[group], total[group])
            for group, (protocol, region) in enumerate(self._groups.labels[: len(judged)])
            if judged[group]
        ]
        return tuple(sorted(cells))

    def _members(self, table: sa.Table, scopes: Scopes) -> _Members:
        catalogue = self._library.catalogue(self._connection, table, self._service)
        whole = Grouping(self._groups, catalogue)
        whole.admit_all()
        hit = np.zeros(len(catalogue), dtype=np.bool_)
        for scope in scopes:
            hit |= catalogue.chosen(LabelFilter(dict(scope)))
        touched = np.isin(whole.of, np.unique(whole.of[hit]))
        none = np.int32(-1)
        return _Members(np.where(hit, whole.of, none), np.where(touched, whole.of, none))

    def _make_room(self) -> None:
        """For all groups that came up."""
        self._within, self._whole = self._wider(self._within), self._wider(self._whole)

    def _wider(self, total: Tally) -> Tally:
        wider = blank(len(self._groups), *total.asked, TOTAL_STEP_S)
        wider.sums[:, : total.sums.shape[1]] = total.sums
        return wider

    def _parts(self, segment: Segment, members: _Members) -> list[tuple[Tally, GroupOf]]:
        asked = (segment.first, segment.last)
        return [
            (self._within._replace(asked=asked), members.within),
            (self._whole._replace(asked=asked), members.whole),
        ]

    def _add_seconds(self, segment: Segment, members: _Members) -> None:
        for columns in seconds.read(self._connection, self._service, segment.first, segment.last):
            masks = {
                roster: mask
                for roster in np.unique(columns.roster).tolist()
                if (mask := self._library.roster(self._connection, self._service, roster)) is not None
            }
            for total, group_of in self._parts(segment, members):
                size = total.sums.shape[1]
                expected = {
                    roster: expected_by_group(mask, group_of, size) for roster, mask in masks.items()
                }
                add(total, columns, expected, group_of)

    def _add_sums(self, segment: Segment, members: _Members) -> None:
        for columns in rollups.read(self._connection, self._service, segment):
            for total, group_of in self._parts(segment, members):
                sums_columns.add(total, columns, group_of)
