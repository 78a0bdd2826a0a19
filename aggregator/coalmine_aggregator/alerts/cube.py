"""Every pattern of up to two labels over the leaves of one service, and sums by pattern. Pure."""

from __future__ import annotations

import functools
import itertools
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from coalmine_aggregator.model.scopes import PREFERENCE, Leaf, Scope

MAX_LABELS = 2
"""Labels in a pattern at most: protocol and zone say enough, and every further one costs a sum."""

LEAF_LABELS = tuple(label for label in PREFERENCE if label in Leaf._fields)
"""The labels that leaves carry, the preferred ones first; node and host are summed away in them."""

_SUBSETS = tuple(
    subset for size in range(MAX_LABELS + 1) for subset in itertools.combinations(LEAF_LABELS, size)
)


class Cube(NamedTuple):
    """The patterns that occur among some leaves.

    `patterns` are ordered by fewest labels, then by the preference among labels, then by value: of
    equals, the first is the one to name. `groups[s, i]` is the pattern that leaf i falls into under
    the s-th set of labels, or `len(patterns)` where it has none (an empty label names nothing).
    """

    patterns: tuple[Scope, ...]
    groups: NDArray[np.int64]

    def sums(self, by_leaf: NDArray[np.int64]) -> NDArray[np.int64]:
        """Adds up one count per leaf, shape (leaves,), to one per pattern, shape (patterns,)."""
        weights = np.broadcast_to(by_leaf, self.groups.shape).ravel()
        # bincount adds in float64, which is exact for counts below 2**53.
        sums = np.bincount(self.groups.ravel(), weights=weights, minlength=len(self.patterns) + 1)
        return sums[:-1].astype(np.int64)


@functools.lru_cache(maxsize=64)
def cube_of(leaves: tuple[Leaf, ...]) -> Cube:
    """The cube over the leaves of one service; kept, since they change only with the roster."""
    keys = [[_pattern(leaf, subset) for leaf in leaves] for subset in _SUBSETS]
    patterns = sorted({key for row in keys for key in row if key is not None}, key=_rank)
    number = {pattern: i for i, pattern in enumerate(patterns)}
    groups = [[len(patterns) if key is None else number[key] for key in row] for row in keys]
    return Cube(tuple(patterns), np.array(groups, dtype=np.int64).reshape(len(_SUBSETS), len(leaves)))


def covers(scope: Scope, leaf: Leaf) -> bool:
    """Whether a leaf lies within a scope. A label that leaves do not carry excludes none."""
    return all(getattr(leaf, label, value) == value for label, value in scope)


def _pattern(leaf: Leaf, subset: tuple[str, ...]) -> Scope | None:
    scope = tuple((label, getattr(leaf, label)) for label in subset)
    return scope if all(value for _, value in scope) else None


def _rank(scope: Scope) -> tuple[int, tuple[int, ...], tuple[str, ...]]:
    labels = tuple(PREFERENCE.index(label) for label, _ in scope)
    return len(scope), labels, tuple(value for _, value in scope)
