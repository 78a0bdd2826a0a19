"""Leaves, and the patterns that are summed from them: the wide ones. Pure.

A leaf is a distinct combination of protocol, variant, location, region and zone. Every set of these
labels makes patterns, with two exceptions. The variant of a direct probe (`node_<name>`) counts as
none: there are as many as nodes, so that patterns with it are made of cells (see `narrow_groups`).
Region and zone together are left out as long as the zone lies in one region only, as nearly all do.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from coalmine_aggregator.model.growing_column import GrowingColumn
from coalmine_aggregator.model.pattern_table import REGION, ZONE, PatternTable

LABELS = 5
"""The labels of a leaf are the first of `PREFERENCE`."""

LeafCodes = tuple[int, ...]
"""The codes of a leaf's five labels; 0 names nothing."""

_SUBSETS = [
    (sum(1 << label for label in subset), subset)
    for size in range(LABELS + 1)
    for subset in itertools.combinations(range(LABELS), size)
]
_BOTH = REGION | ZONE
_REGION, _ZONE = 3, 4  # places in PREFERENCE


class Links(NamedTuple):
    """Which leaf lies in which pattern: a pair a link, in the order of leaves.

    `places` are the patterns' places, `leaves` the leaves, both int32[links]; the links of leaf i are
    those from `starts[i]` to `starts[i + 1]`.
    """

    places: NDArray[np.int32]
    leaves: NDArray[np.int32]
    starts: NDArray[np.int32]


class LeafCube:
    """Leaves in the order in which they came, and their patterns, known here by place.

    A place is a pattern's number among the wide patterns alone; `numbers` has its number among all.
    """

    def __init__(self, patterns: PatternTable) -> None:
        self.leaves: list[LeafCodes] = []
        self.numbers = GrowingColumn(np.int32)
        self._patterns = patterns
        self._codes = [GrowingColumn(np.int32) for _ in range(LABELS)]
        self._leaf_of: dict[LeafCodes, int] = {}
        self._place_of: dict[tuple[int, LeafCodes], int] = {}
        self._leaves_of_zone: dict[int, list[int]] = {}
        self._regions_of_zone: dict[int, set[int]] = {}
        self._places: list[list[int]] = []
        self._links: Links | None = None
        self._place(0, (), 0)

    def codes(self, label: int) -> NDArray[np.int32]:
        """int32[leaves]: the codes of the leaves' values of `PREFERENCE[label]`."""
        return self._codes[label].values

    def leaf(self, codes: LeafCodes) -> int:
        """The number of a leaf; a new one, with its patterns, where it is new."""
        known = self._leaf_of.get(codes)
        if known is not None:
            return known
        number = self._leaf_of[codes] = len(self.leaves)
        self.leaves.append(codes)
        for column, code in zip(self._codes, codes, strict=True):
            column.append(code, 1)
        self._places.append([])
        zone = codes[_ZONE]
        regions = self._regions_of_zone.setdefault(zone, set())
        grew = codes[_REGION] not in regions
        regions.add(codes[_REGION])
        of_zone = self._leaves_of_zone.setdefault(zone, [])
        of_zone.append(number)
        # A second region: what the zone implied so far, it implies no more.
        for affected in of_zone if grew and len(regions) == 2 else [number]:
            self._fill(affected)
        self._links = None
        return number

    def find(self, kind: int, values: LeafCodes) -> int | None:
        """The pattern with these labels, their codes in the order of `PREFERENCE`."""
        if kind & _BOTH == _BOTH:
            region, zone = values[-2:]
            if self._regions_of_zone.get(zone) == {region}:
                kind, values = kind & ~REGION, (*values[:-2], zone)
        place = self._place_of.get((kind, values))
        return None if place is None else int(self.numbers.values[place])

    def links(self) -> Links:
        """The links of all leaves."""
        if self._links is None:
            sizes = [len(places) for places in self._places]
            places = np.fromiter(itertools.chain.from_iterable(self._places), np.int32, sum(sizes))
            leaves = np.repeat(np.arange(len(sizes), dtype=np.int32), sizes)
            self._links = Links(places, leaves, np.cumsum([0, *sizes], dtype=np.int32))
        return self._links

    def sums(self, by_leaf: NDArray[np.float64]) -> NDArray[np.float64]:
        """Adds up one number a leaf to one a place."""
        links = self.links()
        sums = np.bincount(links.places, by_leaf[links.leaves], minlength=len(self.numbers))
        return np.asarray(sums, dtype=np.float64)

    def touched(
        self, leaves: NDArray[np.int32], weights: Sequence[NDArray[Any]]
    ) -> tuple[NDArray[np.int64], list[NDArray[np.float64]]]:
        """The numbers of the patterns that hold any of the leaves, and sums of each of `weights`.

        A leaf may be given several times, each time with its weights.
        """
        distinct, inverse = np.unique(leaves, return_inverse=True)
        links = self.links()
        first = links.starts[distinct]
        sizes = links.starts[distinct + 1] - first
        of_leaf = np.repeat(np.arange(len(distinct)), sizes)
        within = np.arange(len(of_leaf)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        places = links.places[first[of_leaf] + within]
        held = np.flatnonzero(np.bincount(places, minlength=len(self.numbers)))
        sums = []
        for weight in weights:
            by_leaf = np.bincount(inverse.reshape(-1), weight, minlength=len(distinct))
            sums.append(np.bincount(places, by_leaf[of_leaf])[held].astype(np.float64))
        return self.numbers.values[held].astype(np.int64), sums

    def table(self) -> NDArray[np.int64]:
        """int64[leaves, widest]: the numbers of each leaf's patterns plus one, filled up with 0."""
        links = self.links()
        sizes = np.diff(links.starts)
        table = np.zeros((len(sizes), int(sizes.max(initial=0))), dtype=np.int64)
        table[np.arange(table.shape[1]) < sizes[:, None]] = self.numbers.values[links.places] + 1
        return table

    def _fill(self, leaf: int) -> None:
        """Puts a leaf into each of its patterns that it is not in yet."""
        codes, places = self.leaves[leaf], self._places[leaf]
        known = set(places)
        ambiguous = len(self._regions_of_zone[codes[_ZONE]]) > 1
        for kind, subset in _SUBSETS:
            values = tuple([codes[label] for label in subset])
            if 0 in values or (kind & _BOTH == _BOTH and not ambiguous):
                continue
            place = self._place(kind, values, leaf)
            if place not in known:
                places.append(place)

    def _place(self, kind: int, values: LeafCodes, leaf: int) -> int:
        place = self._place_of.setdefault((kind, values), len(self.numbers))
        if place == len(self.numbers):
            self.numbers.append(self._patterns.append(kind, np.array([leaf])), 1)
        return place
