"""The recent slots that alerts are judged by, and their counts by leaf in one array. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from coalmine_aggregator.model.counts import Counts
from coalmine_aggregator.model.fates import BAD, FATES, NEITHER
from coalmine_aggregator.model.scopes import Leaf
from coalmine_aggregator.model.slot_counts import SlotCounts

REVISABLE_S = 60
"""Revisions of slots up to this old are judged; older ones change history and never page."""

_RECEIVED = FATES
_JUDGED = [fate for fate in range(FATES) if fate not in NEITHER]


class Window(NamedTuple):
    """Counts of one service over consecutive slots.

    `counts[t, i, c]` is the count of fate c (the last c: received) of leaf i in slot `first` + t.
    A slot without counts has `seen[t]` False and zeros.
    """

    first: int
    leaves: tuple[Leaf, ...]
    counts: NDArray[np.int64]
    seen: NDArray[np.bool_]

    @property
    def bad(self) -> NDArray[np.int64]:
        """Bad datapoints, shape (slots, leaves)."""
        return sum_of(self.counts[:, :, list(BAD)])

    @property
    def judged(self) -> NDArray[np.int64]:
        """Datapoints that say something of the service, shape (slots, leaves)."""
        return sum_of(self.counts[:, :, _JUDGED])

    def total(self, leaves: NDArray[np.bool_], first: int) -> Counts:
        """The counts of some leaves from slot `first` on."""
        after = max(0, first - self.first)
        sums = self.counts[after:, leaves].sum(axis=(0, 1))
        return Counts(int(sums[_RECEIVED]), tuple(int(n) for n in sums[:FATES]))


def sum_of(by_fate: NDArray[np.int64]) -> NDArray[np.int64]:
    """Sums over the last axis."""
    return np.asarray(by_fate.sum(axis=-1), dtype=np.int64)


def merge(
    recent: Sequence[SlotCounts],
    settled: Iterable[SlotCounts],
    revised: Iterable[SlotCounts],
    keep_s: int,
) -> tuple[SlotCounts, ...]:
    """The slots to judge from now on, ascending: the newest `keep_s` ones.

    Counts of a slot replace what was known of it. A revision of a slot older than `REVISABLE_S`
    before the newest settled one is left out, and so is one of a slot that was never settled here.
    """
    slots = {counts.slot: counts for counts in recent}
    slots.update((counts.slot, counts) for counts in settled)
    newest = max(slots, default=0)
    for counts in revised:
        if counts.slot in slots and newest - counts.slot <= REVISABLE_S:
            slots[counts.slot] = counts
    return tuple(slots[slot] for slot in sorted(slots) if newest - slot < keep_s)


def window_of(recent: Sequence[SlotCounts], service: str, window_s: int) -> Window:
    """The last `window_s` slots of a service; `recent` must not be empty."""
    first = recent[-1].slot - window_s + 1
    inside = [counts for counts in recent if counts.slot >= first]
    leaves = _leaves(inside, service)
    position = {leaf: i for i, leaf in enumerate(leaves)}
    table = np.zeros((window_s, len(leaves), FATES + 1), dtype=np.int64)
    seen = np.zeros(window_s, dtype=np.bool_)
    known: tuple[Leaf, ...] | None = None
    into: list[int] = []
    rows: list[int] = []
    for counts in inside:
        if counts.leaves is not known:
            known = counts.leaves
            rows = [row for row, leaf in enumerate(known) if leaf in position]
            into = [position[known[row]] for row in rows]
        at = counts.slot - first
        table[at, into, :FATES] = counts.fates[rows]
        table[at, into, _RECEIVED] = counts.received[rows]
        seen[at] = True
    return Window(first, leaves, table, seen)


def _leaves(inside: Sequence[SlotCounts], service: str) -> tuple[Leaf, ...]:
    """The leaves of a service in any of the slots, in order of appearance."""
    leaves: dict[Leaf, None] = {}
    known: tuple[Leaf, ...] | None = None
    for counts in inside:
        if counts.leaves is not known:
            known = counts.leaves
            leaves.update((leaf, None) for leaf in known if leaf.service == service)
    return tuple(leaves)
