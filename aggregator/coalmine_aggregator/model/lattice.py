"""The patterns over the series of one service, and sums by pattern. Pure.

Two tiers. Wide patterns (protocol, variant, location, region, zone) are summed from a small cube of
leaves (`leaf_cube`), narrow ones (hosts, nodes, direct probes) from the cells themselves, by an array
of group numbers for each set of labels (`narrow_groups`). Both tiers share one numbering. A small
lattice keeps a table of every cell's patterns besides, with which all is one step.

Cells wait in lists until something is read, and are put into their groups together: one agent alone
costs half a millisecond, ten thousand at once 8 us each.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from coalmine_aggregator.model.growing_column import GrowingColumn
from coalmine_aggregator.model.leaf_cube import LABELS, LeafCube
from coalmine_aggregator.model.machines import Machines
from coalmine_aggregator.model.narrow_groups import (
    MAX_PROTOCOLS,
    MAX_VALUES,
    PLACE,
    CellCodes,
    NarrowGroups,
)
from coalmine_aggregator.model.pattern_table import (
    BY_CELL,
    HOST,
    NODE,
    PatternTable,
)
from coalmine_aggregator.model.scopes import PREFERENCE, Scope
from coalmine_wire.series import NODE_VARIANT

Numbers = TypeVar("Numbers", NDArray[np.int32], NDArray[np.float64])

SMALL_CELLS = 1024
"""Cells up to which a table of every cell's patterns is kept."""

_DENSE_SHARE = 8  # past one cell in so many, summing all cells is cheaper than sorting the touched
_SAMPLE = 64  # cells that are looked at before all are
_CHUNK = 1 << 16  # cells that are grouped at once: bounds what that takes beside
_VARIANT, _NODE, _HOST = 1, 5, 6  # places in PREFERENCE


class LatticeFullError(Exception):
    """A label has more values than can be told apart; says which."""


class _Values(dict[str, int]):
    """The codes of a label's values; a new value gets the next code."""

    def __init__(self, label: str, limit: int) -> None:
        super().__init__({"": 0})
        self.texts = [""]
        self._label, self._limit = label, limit

    def __missing__(self, value: str) -> int:
        code = len(self.texts)
        if code >= self._limit:
            raise LatticeFullError(f"more than {self._limit - 1} values of {self._label}")
        self.texts.append(str(value))
        self[self.texts[-1]] = code
        return code


class Lattice:
    """Cells 0, 1, 2... and patterns 0, 1, 2...; both only grow, and numbers are stable.

    Pattern 0 is the whole service. A pattern exists only where its labels are not empty. Of sets of
    labels that have the same cells by construction (a node that only its own host probes, a zone with
    its only region), one is listed; `pattern_of` knows the others as well.
    """

    def __init__(self) -> None:
        self._table = PatternTable()
        self._cube = LeafCube(self._table)
        self._narrow = NarrowGroups(self._table)
        self._machines = Machines()
        names = _Values("node and host", MAX_VALUES)  # a node is the host of its own agent
        self._values = [
            _Values(label, MAX_VALUES if label != "protocol" else MAX_PROTOCOLS)
            for label in PREFERENCE[:-2]
        ] + [names, names]
        self._leaf = GrowingColumn(np.int32)
        self._labels = {label: GrowingColumn(np.int32) for label in (_VARIANT, _NODE, _HOST)}
        self._shared_variant = GrowingColumn(np.int32)  # by variant: itself, or 0 for a direct probe's
        self._place_number: dict[tuple[int, ...], int] = {}
        self._place_of_leaf = GrowingColumn(np.int32)
        self._counted = 0, np.zeros(0, dtype=np.int64)  # of how many cells, the cells by leaf
        self._waiting: list[list[int]] = [[] for _ in PREFERENCE]
        self._patterns_of_cell: tuple[int, NDArray[np.int64]] = (0, np.zeros((0, 0), dtype=np.int64))

    @property
    def cells(self) -> int:
        """How many cells were added."""
        return len(self._leaf) + len(self._waiting[0])

    @property
    def patterns(self) -> int:
        """How many patterns there are; at least one."""
        self._settle()
        return len(self._table)

    @property
    def kinds(self) -> NDArray[np.uint8]:
        """uint8[patterns]: the set of labels of each, see `pattern_table`."""
        self._settle()
        return self._table.kinds

    @property
    def cube(self) -> LeafCube:
        """The leaves, and the patterns that are summed from them."""
        self._settle()
        return self._cube

    @property
    def narrow(self) -> NarrowGroups:
        """The patterns that are summed from cells."""
        self._settle()
        return self._narrow

    @property
    def leaf_of_cell(self) -> NDArray[np.int32]:
        """int32[cells]: the leaf of each cell, its number in `cube.leaves`."""
        self._settle()
        return self._leaf.values

    @property
    def cells_of_leaf(self) -> NDArray[np.int64]:
        """int64[leaves]: how many cells each leaf has."""
        self._settle()
        if len(self._leaf) != self._counted[0]:
            self._counted = len(self._leaf), np.bincount(self._leaf.values)
        return self._counted[1]

    def shared(self, cells: NDArray[np.int64]) -> list[tuple[int, int]]:
        """The labels, by place in `PREFERENCE`, of which all of some cells (one at least) have the same
        value that is not empty, each with the code of that value.

        A code means the same value for as long as there is the lattice; see `text`.
        """
        self._settle()
        leaves = np.flatnonzero(np.bincount(self._leaf.values[cells]))
        shared = []
        for label in range(len(PREFERENCE)):
            column = self._labels.get(label)
            codes = self._cube.codes(label)[leaves] if column is None else column.values
            if column is not None:
                some = codes[cells[:: max(1, len(cells) // _SAMPLE)]]
                codes = some if (some != some[0]).any() else codes[cells]
            if codes[0] and (codes == codes[0]).all():
                shared.append((label, int(codes[0])))
        return shared

    def matches(self, values: Sequence[tuple[int, int]]) -> NDArray[np.int64]:
        """int64[cells]: bit i says that a cell has the i-th value, of a label and with a code as in
        `shared`."""
        self._settle()
        by_leaf = np.zeros(len(self._cube.leaves), dtype=np.int64)
        for bit, (label, code) in enumerate(values):
            if label not in self._labels:
                by_leaf |= (self._cube.codes(label) == code).astype(np.int64) << bit
        matches = by_leaf[self._leaf.values]
        for bit, (label, code) in enumerate(values):
            if label in self._labels:
                matches[self._labels[label].values == code] |= 1 << bit
        return matches

    def text(self, label: int, code: int) -> str:
        """The value of `PREFERENCE[label]` that has a code. Raises IndexError."""
        return self._values[label].texts[code]

    def add(self, cells: Sequence[Sequence[str]]) -> None:
        """Appends cells by the values of their labels, in the order of `PREFERENCE`, "" for none.

        Raises ValueError where a cell has not as many labels, and `LatticeFullError`; then no cell is
        added.
        """
        if any(len(cell) != len(PREFERENCE) for cell in cells):
            raise ValueError(f"a cell has {len(PREFERENCE)} labels: {', '.join(PREFERENCE)}")
        columns = zip(self._values, zip(*cells, strict=True), strict=False)
        codes = [list(map(values.__getitem__, column)) for values, column in columns]
        for waiting, column in zip(self._waiting, codes, strict=False):
            waiting.extend(column)

    def scope(self, pattern: int) -> Scope:
        """What a pattern names. Raises IndexError for a number that is not given."""
        if not 0 <= pattern < self.patterns:
            raise IndexError(f"no pattern {pattern}")
        kind, sample = int(self._table.kinds[pattern]), self._table.sample(pattern)
        if kind & BY_CELL:
            leaf = self._cube.leaves[self._leaf.values[sample]]
            codes = [*leaf, 0, 0]
            for label, column in self._labels.items():
                codes[label] = int(column.values[sample])
        else:
            codes = [*self._cube.leaves[sample], 0, 0] if kind else []
        return tuple(
            (label, self._values[i].texts[codes[i]])
            for i, label in enumerate(PREFERENCE)
            if kind >> i & 1
        )

    def pattern_of(self, scope: Scope) -> int | None:
        """The pattern with the cells of a scope, None where none is listed.

        Raises KeyError for a label that no scope may name.
        """
        codes = self._decoded(scope)
        if not codes:
            return None if codes is None else 0
        node = codes.get(_NODE)
        if node is not None and not self._machines.apart[node]:
            if not self._machines.own[node] or codes.get(_HOST, node) != node:
                return None
            codes[_HOST] = codes.pop(_NODE)  # just the cells of its own host
        kind = sum(1 << label for label in codes)
        variant = codes.get(_VARIANT, 0)
        if not kind & (NODE | HOST) and self._shared_variant.values[variant] == variant:
            return self._cube.find(kind, tuple(codes[label] for label in sorted(codes)))
        if kind & HOST and kind & PLACE:
            return self._agent(scope, codes)
        return self._narrow.find(kind, self._as_cell(codes))

    def members(self, scope: Scope) -> NDArray[np.bool_]:
        """bool[cells]: which cells lie in a scope, listed or not.

        Raises KeyError for a label that no scope may name.
        """
        codes = self._decoded(scope)
        if codes is None:
            return np.zeros(self.cells, dtype=np.bool_)
        mask = np.ones(self.cells, dtype=np.bool_)
        of_leaf = [label for label in codes if label not in self._labels]
        wide = [self._cube.codes(label) == codes[label] for label in of_leaf]
        if wide:
            mask = np.logical_and.reduce(wide)[self._leaf.values]
        for label, column in self._labels.items():
            if label in codes:
                mask &= column.values == codes[label]
        return mask

    def distinct(self, label: str, cells: NDArray[np.integer[Any]]) -> int:
        """How many values of a label some cells have between them, empty ones left out.

        Raises ValueError for a label that no scope may name.
        """
        self._settle()
        place = PREFERENCE.index(label)
        if place in self._labels:
            codes = self._labels[place].values[cells]
        else:
            present = np.bincount(self._leaf.values[cells], minlength=len(self._cube.leaves)) > 0
            codes = self._cube.codes(place)[: len(present)][present]
        return int(np.count_nonzero(np.bincount(codes)[1:]))

    def by_leaf(self, by_cell: NDArray[Any]) -> NDArray[np.float64]:
        """Adds up one number a cell, shape (cells,), to one a leaf."""
        self._settle()
        sums = np.bincount(self._leaf.values, by_cell, minlength=len(self._cube.leaves))
        return np.asarray(sums, dtype=np.float64)

    def sums(self, by_cell: Numbers) -> Numbers:
        """Adds up numbers by cell, shape (cells,) or (cells, m), to numbers by pattern.

        The type stays; int32 sums must stay below 2**31. Raises ValueError for another number of cells.
        """
        if len(by_cell) != self.cells:
            raise ValueError(f"{len(by_cell)} numbers for {self.cells} cells")
        out = np.zeros((self.patterns, *by_cell.shape[1:]), dtype=by_cell.dtype)
        if not self.cells:
            return out
        by_pattern = self._sums_small if self.cells <= SMALL_CELLS else self._sums_large
        if by_cell.ndim == 1:
            by_pattern(by_cell, out)
        else:
            for column in range(by_cell.shape[1]):
                by_pattern(by_cell[:, column], out[:, column])
        return out

    def counts(self, inside: NDArray[np.bool_]) -> NDArray[np.int32]:
        """How many of the cells `inside`, bool[cells], each pattern holds: `sums` of a mask, sooner.

        Raises ValueError for another number of cells.
        """
        if len(inside) != self.cells or self.cells <= SMALL_CELLS:
            return self.sums(inside.astype(np.int32))
        out = np.zeros(self.patterns, dtype=np.int32)
        cells = np.flatnonzero(inside)
        leaf = self._leaf.values if len(cells) == self.cells else self._leaf.values.take(cells)
        by_leaf = np.bincount(leaf, minlength=len(self._cube.leaves)).astype(np.float64)
        out[self._cube.numbers.values] = self._cube.sums(by_leaf)
        for numbers, counts in self._narrow.counts(inside, cells):
            out[numbers] = counts
        return out

    def touched(
        self, cells: NDArray[np.integer[Any]], *weights: NDArray[np.integer[Any]]
    ) -> tuple[NDArray[np.int64], ...]:
        """The patterns that hold any of some cells (each given once), and their sums of the weights.

        The first array holds the patterns' numbers (each once, in no promised order), then follow as
        many arrays as weights. All are int64.
        """
        patterns, sums = self.touched_sums(cells, *weights)
        return patterns, *(total.astype(np.int64) for total in sums)

    def touched_sums(
        self, cells: NDArray[np.integer[Any]], *weights: NDArray[Any]
    ) -> tuple[NDArray[np.int64], list[NDArray[np.float64]]]:
        """`touched` for weights of any kind: their sums are float64."""
        self._settle()
        if not len(cells):
            return np.zeros(0, dtype=np.int64), [np.zeros(0) for _ in weights]
        if self.cells <= SMALL_CELLS:
            table = self._table_of_cells()
            links = table[cells]
            flat, width = links.ravel(), links.shape[1]
            present = np.bincount(flat, minlength=self.patterns + 1)
            present[0] = 0
            held = np.flatnonzero(present)
            repeated = (np.repeat(weight, width).astype(np.float64) for weight in weights)
            return held - 1, [
                np.asarray(np.bincount(flat, w)[held], dtype=np.float64) for w in repeated
            ]
        if len(cells) * _DENSE_SHARE > self.cells:
            return self._touched_dense(cells, weights)
        parts = [self._cube.touched(self._leaf.values[cells], weights)]
        parts += self._narrow.touched(cells, weights)
        sums = zip(*(totals for _, totals in parts), strict=True)
        return np.concatenate([numbers for numbers, _ in parts]), [
            np.concatenate(total) for total in sums
        ]

    def _settle(self) -> None:
        """Puts the waiting cells into their groups."""
        if not self._waiting[0]:
            return
        texts = self._values[_VARIANT].texts
        for code in range(len(self._shared_variant), len(texts)):
            self._shared_variant.append(0 if texts[code].startswith(NODE_VARIANT) else code, 1)
        waiting, self._waiting = self._waiting, [[] for _ in PREFERENCE]
        for first in range(0, len(waiting[0]), _CHUNK):
            self._group([np.array(codes[first : first + _CHUNK], dtype=np.int64) for codes in waiting])

    def _group(self, labels: list[NDArray[np.int64]]) -> None:
        """Appends cells by the codes of their labels."""
        protocol, variant, location, region, zone, node, host = labels
        shared = self._shared_variant.values[variant].astype(np.int64)
        keys = zip(*(c.tolist() for c in (protocol, shared, location, region, zone)), strict=True)
        leaf = np.fromiter(map(self._cube.leaf, keys), np.int64, len(host))
        first = len(self._leaf)
        self._leaf.append(leaf, len(host))
        for label, column in self._labels.items():
            column.append(labels[label], len(host))
        for codes in self._cube.leaves[len(self._place_of_leaf) :]:
            number = self._place_number.setdefault(codes[2:], len(self._place_number) + 1)
            self._place_of_leaf.append(-1 - number if 0 in codes[2:] else number, 1)
        place = self._place_of_leaf.values[leaf].astype(np.int64)
        newly_shared, newly_apart = self._machines.note(host, node, place)
        # What was implied for older cells may be so no more.
        older = self._older(_HOST, newly_shared, first)
        if len(older):
            self._narrow.assign_shared(older, self._cell_codes(older))
        older = self._older(_NODE, newly_apart, first)
        if len(older):
            self._narrow.assign_apart(older, self._cell_codes(older))
        new = CellCodes(protocol, shared, variant - shared, location, region, zone, place, node, host)
        self._narrow.assign(np.arange(first, self.cells), new, self._machines)

    def _touched_dense(
        self, cells: NDArray[np.integer[Any]], weights: Sequence[NDArray[Any]]
    ) -> tuple[NDArray[np.int64], list[NDArray[np.float64]]]:
        by_cell = np.zeros(self.cells, dtype=np.float64)
        by_cell[cells] = 1
        present = self.sums(by_cell)
        patterns = np.flatnonzero(present).astype(np.int64)
        present, sums = present[patterns], []
        for weight in weights:
            if weight[0] in (0, 1) and (weight == weight[0]).all():  # all bad, or none
                sums.append(present * float(weight[0]))
                continue
            by_cell[cells] = weight
            sums.append(self.sums(by_cell)[patterns])
        return patterns, sums

    def _sums_small(self, by_cell: NDArray[Any], out: NDArray[Any]) -> None:
        table = self._table_of_cells()
        weights = np.repeat(by_cell, table.shape[1])
        out[:] = np.bincount(table.ravel(), weights, minlength=self.patterns + 1)[1:]

    def _sums_large(self, by_cell: NDArray[Any], out: NDArray[Any]) -> None:
        weights = by_cell.astype(np.float64)  # what bincount adds in: exact below 2**53
        out[self._cube.numbers.values] = self._cube.sums(self.by_leaf(weights))
        for numbers, sums in self._narrow.sums(weights):
            out[numbers] = sums

    def _table_of_cells(self) -> NDArray[np.int64]:
        """int64[cells, widest]: the numbers of every cell's patterns plus one, filled up with 0."""
        cells, table = self._patterns_of_cell
        if cells != self.cells:
            wide = self._cube.table()[self._leaf.values]
            narrow = self._narrow.table(self.cells)
            table = np.concatenate((wide, narrow), axis=1)
            self._patterns_of_cell = self.cells, table
        return table

    def _older(self, label: int, machines: NDArray[np.int64], cells: int) -> NDArray[np.int64]:
        """Which of the first `cells` cells have one of some machines as this label."""
        if not cells or not len(machines):
            return _NO_CELLS
        wanted = np.zeros(len(self._machines.own), dtype=np.bool_)
        wanted[machines] = True
        return np.flatnonzero(wanted[self._labels[label].values[:cells]])

    def _decoded(self, scope: Scope) -> dict[int, int] | None:
        """The codes of a scope's labels; None where no cell has such a value."""
        self._settle()
        codes = {}
        for label, value in scope:
            if label not in PREFERENCE:
                raise KeyError(label)
            place = PREFERENCE.index(label)
            code = self._values[place].get(value, 0)
            if not code:
                return None
            codes[place] = code
        return codes

    def _cell_codes(self, cells: NDArray[np.int64]) -> CellCodes:
        leaf = self._leaf.values[cells]
        protocol, shared, location, region, zone = (
            self._cube.codes(label)[leaf].astype(np.int64) for label in range(LABELS)
        )
        variant, node, host = (
            column.values[cells].astype(np.int64) for column in self._labels.values()
        )
        place = self._place_of_leaf.values[leaf].astype(np.int64)
        return CellCodes(protocol, shared, variant - shared, location, region, zone, place, node, host)

    def _as_cell(self, codes: dict[int, int], place: int = 0) -> CellCodes:
        variant = codes.get(_VARIANT, 0)
        shared = int(self._shared_variant.values[variant])
        protocol, location, region, zone, node, host = (
            codes.get(label, 0) for label in (0, 2, 3, 4, _NODE, _HOST)
        )
        values = (protocol, shared, variant - shared, location, region, zone, place, node, host)
        return CellCodes(*(np.array([value], dtype=np.int64) for value in values))

    def _agent(self, scope: Scope, codes: dict[int, int]) -> int | None:
        """The pattern of a host together with some of location, region and zone."""
        inside = self.members(scope)
        if not inside.any():
            return None
        place = self._place_of_leaf.values[self._leaf.values[inside]]
        rest = {label: code for label, code in codes.items() if not (1 << label) & PLACE}
        if not self._machines.shared[codes[_HOST]]:  # a host of one place: the others say nothing
            return self._narrow.find(sum(1 << label for label in rest), self._as_cell(rest))
        if _NODE in codes or _VARIANT in codes or place[0] <= 0 or (place != place[0]).any():
            return None
        kind = PLACE | sum(1 << label for label in rest)
        return self._narrow.find(kind, self._as_cell(rest, int(place[0])))


_NO_CELLS = np.zeros(0, dtype=np.int64)
