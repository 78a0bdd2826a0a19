"""The patterns that are summed from cells: those that name a host, a node or a direct probe. Pure.

There may be a hundred thousand hosts, so only combinations that faults look like are listed:

- a host, alone, with protocol, with variant and with both;
- an agent of a host's name, alone and with protocol, where agents in several places share the name;
- a node, alone, with protocol, with variant, with both; with the location, region or zone of who probes
  it, each alone and with protocol;
- a host's direct probe of another node, alone and with protocol;
- the direct probes of a node (variant `node_<name>`): all, those of a region, those of a zone; each
  alone and with protocol.

A node whose cells are just those of its own host is left out: it is the same group.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from coalmine_aggregator.model.growing_column import GrowingColumn
from coalmine_aggregator.model.key_index import KeyIndex
from coalmine_aggregator.model.machines import Machines
from coalmine_aggregator.model.pattern_table import (
    BY_CELL,
    HOST,
    LOCATION,
    NODE,
    PROTOCOL,
    REGION,
    VARIANT,
    ZONE,
    PatternTable,
)

PLACE = LOCATION | REGION | ZONE

HOSTS = (HOST, PROTOCOL | HOST)
HOST_VARIANTS = (VARIANT | HOST, PROTOCOL | VARIANT | HOST)
AGENTS = (PLACE | HOST, PROTOCOL | PLACE | HOST)
NODES = (NODE, PROTOCOL | NODE, LOCATION | NODE, PROTOCOL | LOCATION | NODE)
REGION_NODES = (REGION | NODE, PROTOCOL | REGION | NODE)
ZONE_NODES = (ZONE | NODE, PROTOCOL | ZONE | NODE)
NODE_VARIANTS = (VARIANT | NODE, PROTOCOL | VARIANT | NODE)
PATHS = (NODE | HOST, PROTOCOL | NODE | HOST)
PROBES = (VARIANT, PROTOCOL | VARIANT)
REGION_PROBES = (VARIANT | REGION, PROTOCOL | VARIANT | REGION)
ZONE_PROBES = (VARIANT | ZONE, PROTOCOL | VARIANT | ZONE)

MAX_PROTOCOLS = 1 << 10
MAX_VALUES = 1 << 24
"""Values of a label at most: keys hold three codes in 58 bits."""

Codes = NDArray[np.int64]
Cells = NDArray[np.int64]


class CellCodes(NamedTuple):
    """The codes of some cells, int64 arrays of equal length; 0 names nothing.

    `variant` is 0 for direct probes, `probe` is the variant of those alone. Hosts and nodes share
    their codes. `place` numbers the combinations of location, region and zone, below 0
    where one of them is empty.
    """

    protocol: Codes
    variant: Codes
    probe: Codes
    location: Codes
    region: Codes
    zone: Codes
    place: Codes
    node: Codes
    host: Codes


class Family:
    """All patterns with the same labels.

    `groups` is int32 by cell, up to the last one that has a group: its place in `numbers` plus one, 0
    for none. `numbers` are the patterns. `filled` is the number of cells that have a group.
    """

    def __init__(self) -> None:
        self.index = KeyIndex()
        self.numbers = GrowingColumn(np.int32)
        self.groups = GrowingColumn(np.int32)
        self.filled = 0


class NarrowGroups:
    """Families by set of labels; one exists once a cell belongs to it."""

    def __init__(self, patterns: PatternTable) -> None:
        self.families: dict[int, Family] = {}
        self._patterns = patterns
        self._filled: dict[int, tuple[int, Cells]] = {}

    def assign(self, cells: Cells, codes: CellCodes, machines: Machines) -> None:
        """Puts new cells, ascending, into their groups, after `machines` took them in."""
        host, node = codes.host > 0, codes.node > 0
        variant = codes.variant > 0
        apart = node & machines.apart[codes.node]
        for kinds, inside in (
            (HOSTS, host),
            (HOST_VARIANTS, host & variant),
            (AGENTS, (codes.place > 0) & host & machines.shared[codes.host]),
            (NODES, apart),
            (REGION_NODES, apart & (codes.region > 0)),
            (ZONE_NODES, apart & (codes.zone > 0)),
            (NODE_VARIANTS, apart & variant),
            (PATHS, host & node & (codes.host != codes.node)),
            (PROBES, codes.probe > 0),
            (REGION_PROBES, (codes.probe > 0) & (codes.region > 0)),
            (ZONE_PROBES, (codes.probe > 0) & (codes.zone > 0)),
        ):
            self._put(kinds, inside, cells, codes)

    def assign_shared(self, cells: Cells, codes: CellCodes) -> None:
        """Puts cells, ascending, whose host became shared, into the groups of agents."""
        self._put(AGENTS, (codes.place > 0) & (codes.host > 0), cells, codes)

    def assign_apart(self, cells: Cells, codes: CellCodes) -> None:
        """Puts cells, ascending, whose node became a group apart, into the groups of nodes."""
        self._put(NODES, codes.node > 0, cells, codes)
        self._put(REGION_NODES, (codes.node > 0) & (codes.region > 0), cells, codes)
        self._put(ZONE_NODES, (codes.node > 0) & (codes.zone > 0), cells, codes)
        self._put(NODE_VARIANTS, codes.variant > 0, cells, codes)

    def find(self, kind: int, codes: CellCodes) -> int | None:
        """The pattern of a kind that a cell with these codes would belong to."""
        family = self.families.get(kind)
        if family is None:
            return None
        group = int(family.index.find(keys(kind, codes))[0])
        return None if group < 0 else int(family.numbers.values[group])

    def sums(
        self, by_cell: NDArray[np.float64]
    ) -> Iterator[tuple[NDArray[np.int32], NDArray[np.float64]]]:
        """Adds up one number a cell: for each family the numbers of its patterns, and their sums."""
        for kind in self.families:
            yield self.sums_of(kind, by_cell)

    def sums_of(
        self, kind: int, by_cell: NDArray[np.float64]
    ) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
        """`sums` of one family."""
        family = self.families[kind]
        groups = family.groups.values
        if family.filled * 2 < len(groups):
            cells = self._cells_of(kind, family)
            groups, weights = groups[cells], by_cell[cells]
        else:
            weights = by_cell[: len(groups)]
        sums = np.bincount(groups, weights, minlength=len(family.numbers) + 1)
        return family.numbers.values, np.asarray(sums[1:], dtype=np.float64)

    def counts(
        self, inside: NDArray[np.bool_], cells: Cells
    ) -> Iterator[tuple[NDArray[np.int32], NDArray[np.int64]]]:
        """How many cells of a mask, which are `cells` (ascending), each pattern holds, by family."""
        for kind, family in self.families.items():
            groups = family.groups.values
            if family.filled < len(cells) and family.filled * 2 < len(groups):
                known = self._cells_of(kind, family)
                groups = groups[known[inside[known]]]
            elif len(cells) < len(inside):
                groups = groups.take(cells[: cells.searchsorted(len(groups))])
            yield family.numbers.values, np.bincount(groups, minlength=len(family.numbers) + 1)[1:]

    def touched(
        self, cells: NDArray[np.integer[Any]], weights: Sequence[NDArray[Any]]
    ) -> Iterator[tuple[NDArray[np.int64], list[NDArray[np.float64]]]]:
        """For each family the patterns that hold any of the cells, and sums of each of `weights`."""
        for family in self.families.values():
            known = family.groups.values
            inside = cells < len(known)
            groups = np.zeros(len(cells), dtype=np.int32)
            groups[inside] = known[cells[inside]]
            distinct, inverse = np.unique(groups, return_inverse=True)
            inverse, skip = inverse.reshape(-1), int(distinct[0] == 0)
            numbers = family.numbers.values[distinct[skip:] - 1].astype(np.int64)
            yield (
                numbers,
                [np.bincount(inverse, weight)[skip:].astype(np.float64) for weight in weights],
            )

    def table(self, cells: int) -> NDArray[np.int64]:
        """int64[cells, families]: the numbers of each cell's patterns plus one, 0 for none."""
        table = np.zeros((cells, len(self.families)), dtype=np.int64)
        for column, family in enumerate(self.families.values()):
            groups = family.groups.values
            numbers = np.concatenate(([-1], family.numbers.values))
            table[: len(groups), column] = numbers[groups] + 1
        return table

    def _put(
        self, kinds: tuple[int, ...], inside: NDArray[np.bool_], cells: Cells, codes: CellCodes
    ) -> None:
        if not inside.any():
            return
        if not inside.all():
            rows = np.flatnonzero(inside)
            cells, codes = cells[rows], CellCodes(*(column[rows] for column in codes))
        for kind in kinds:
            family = self.families.get(kind)
            if family is None:
                family = self.families[kind] = Family()
            groups, first = family.index.number(keys(kind, codes))
            if len(first):
                family.numbers.append(self._patterns.append(kind | BY_CELL, cells[first]), len(first))
            family.groups.reach(int(cells[-1]) + 1)
            family.groups.values[cells] = groups + 1
            family.filled += len(cells)

    def _cells_of(self, kind: int, family: Family) -> Cells:
        filled, cells = self._filled.get(kind, (-1, _NO_CELLS))
        if filled != family.filled:
            cells = np.flatnonzero(family.groups.values)
            self._filled[kind] = family.filled, cells
        return cells


_NO_CELLS = np.zeros(0, dtype=np.int64)


def keys(kind: int, codes: CellCodes) -> NDArray[np.int64]:
    """One key a cell; within a kind, equal keys mean equal values of its labels."""
    second: Codes | None
    if kind & PLACE == PLACE:
        first, second = codes.host, codes.place
    elif kind & NODE and kind & HOST:
        first, second = codes.node, codes.host
    elif kind & NODE and kind & PLACE:
        first = codes.node
        second = codes.location if kind & LOCATION else codes.region if kind & REGION else codes.zone
    elif kind & (NODE | HOST):
        first = codes.node if kind & NODE else codes.host
        second = codes.variant if kind & VARIANT else None
    else:
        first = codes.probe
        second = codes.region if kind & REGION else codes.zone if kind & ZONE else None
    key = first << 34
    if second is not None:
        key |= second << 10
    return key | codes.protocol if kind & PROTOCOL else key
