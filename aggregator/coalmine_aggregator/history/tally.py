"""From exceptions back to sums: counts by outcome, bucket of time and group of series. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from coalmine_aggregator.history.columns import Columns
from coalmine_aggregator.history.minute_layout import SECONDS
from coalmine_aggregator.model.endings import ARRIVALS, COLUMNS, ENDINGS, RECEIVED, is_received

MAX_POINTS: Final = 1 << 22
"""Buckets times groups."""

_AT_ONCE: Final = 1 << 20

Counts = NDArray[np.int64]
Places = NDArray[np.int64]


class Tally(NamedTuple):
    """Sums of the buckets that begin at `first`, `first + step_s`, ...

    `sums` is int64[buckets, groups, COLUMNS]: the outcomes, whose sum is what was expected, then what
    was received in time. `seen` is int32[buckets]: of how many seconds anything is known.
    """

    first: int
    step_s: int
    sums: Counts
    seen: NDArray[np.int32]

    def plus(self, other: Tally) -> Tally:
        """Both together, of the same buckets and groups."""
        return Tally(self.first, self.step_s, self.sums + other.sums, self.seen + other.seen)


def blank(groups: int, first: int, last: int, step_s: int) -> Tally:
    """Nothing known of the slots from `first` to `last`, both included, in buckets that begin at
    multiples of `step_s`. Raises ValueError for more than `MAX_POINTS`."""
    if step_s < 1 or last < first or groups < 0:
        raise ValueError(f"slots {first} to {last} by {step_s} s for {groups} groups")
    begin = first // step_s
    buckets = last // step_s - begin + 1
    if buckets * max(groups, 1) > MAX_POINTS:
        raise ValueError(f"{buckets} buckets of {groups} groups, expected at most {MAX_POINTS}")
    sums = np.zeros((buckets, groups, COLUMNS), dtype=np.int64)
    return Tally(begin * step_s, step_s, sums, np.zeros(buckets, dtype=np.int32))


def expected_by_group(mask: NDArray[np.bool_], group_of: NDArray[np.int32], groups: int) -> Counts:
    """int64[groups]: how many of a roster's numbers are in each group; what `tally` takes by roster."""
    width = min(len(mask), len(group_of))
    group = group_of[:width][mask[:width]]
    counts: Counts = np.bincount(group[group >= 0], minlength=groups).astype(np.int64)
    return counts


def tally(
    columns: Columns,
    expected_of: Mapping[int, Counts],
    group_of: NDArray[np.int32],
    groups: int,
    first: int,
    last: int,
    step_s: int,
) -> Tally:
    """The sums of the slots from `first` to `last`, both included.

    `group_of` is the group of each number, -1 for those that are not asked for, as all beyond it are;
    `expected_of` is int64[groups] by roster, see `expected_by_group`. Seconds of any other roster count
    as not seen. Raises ValueError, see `blank`.
    """
    result = blank(groups, first, last, step_s)
    spans = _Spans(columns, expected_of)
    seconds = (columns.seen_slot >= first) & (columns.seen_slot <= last)
    if not spans.all_known:
        seconds &= spans.known[spans.of_seconds()]
    _add_expected(result, columns, seconds, expected_of)

    group = _groups(columns.number, group_of)
    chosen = group >= 0
    if not spans.all_known:
        chosen &= spans.known[spans.of_slots(columns.slot)]
    slot, length, ending = columns.slot, columns.length, columns.ending
    if not chosen.all():
        slot, length, ending, group = slot[chosen], length[chosen], ending[chosen], group[chosen]
    usual = spans.usual[spans.of_slots(slot)] if spans.mixed else None
    within, bucket, seconds_of = _pieces(slot, length, result, first, last)
    if within is not None:
        ending, group = ending[within], group[within]
        usual = usual[within] if usual is not None else None
    only = int(columns.usual[0]) if len(columns.usual) else 0
    _add_exceptions(
        result, bucket * groups + group, seconds_of, ending, only if usual is None else usual
    )
    return result


class _Spans:
    """Stretches of seconds with one roster and one usual ending."""

    def __init__(self, columns: Columns, expected_of: Mapping[int, Counts]) -> None:
        self._slots = columns.seen_slot
        self.begins = _changes(columns.roster, columns.usual)
        rosters = columns.roster[self.begins].tolist()
        self.known = np.array([roster in expected_of for roster in rosters], dtype=np.bool_)
        self.usual = columns.usual[self.begins]
        self.all_known = bool(self.known.all())
        self.mixed = bool((self.usual != self.usual[:1]).any())

    def of_seconds(self) -> Places:
        """The span of each second that was seen."""
        lasts = np.diff(self.begins, append=len(self._slots))
        return np.repeat(np.arange(len(self.begins)), lasts)

    def of_slots(self, slots: Places) -> NDArray[np.intp]:
        """The span of each of these slots, all of which were seen."""
        return np.searchsorted(self._slots[self.begins], slots, side="right") - 1


def _changes(*columns: NDArray[np.int64] | NDArray[np.uint8]) -> Places:
    """Where a stretch begins in which none of the columns changes."""
    size = len(columns[0])
    begins = np.zeros(size, dtype=np.bool_)
    begins[:1] = True
    for column in columns:
        begins[1:] |= column[1:] != column[:-1]
    return np.flatnonzero(begins)


def _groups(number: NDArray[np.int32], group_of: NDArray[np.int32]) -> NDArray[np.int32]:
    if len(number) and number.max() >= len(group_of):
        beyond = np.full(int(number.max()) + 1 - len(group_of), -1, dtype=np.int32)
        group_of = np.concatenate((group_of, beyond))
    return group_of[number]


def _add_expected(
    result: Tally, columns: Columns, seconds: NDArray[np.bool_], expected_of: Mapping[int, Counts]
) -> None:
    """Adds all expected as ended as usual; counts what was seen."""
    whole = bool(seconds.all())
    slot = columns.seen_slot if whole else columns.seen_slot[seconds]
    roster = columns.roster if whole else columns.roster[seconds]
    usual = columns.usual if whole else columns.usual[seconds]
    bucket = (slot - result.first) // result.step_s
    result.seen[:] = np.bincount(bucket, minlength=len(result.seen))
    begins = _changes(bucket, roster, usual)
    lasts = np.diff(begins, append=len(slot))
    bucket, roster, usual = bucket[begins], roster[begins], usual[begins]
    rosters, index = np.unique(roster, return_inverse=True)
    groups = result.sums.shape[1]
    if not groups or not len(rosters):
        return
    expected = np.stack([expected_of[number] for number in rosters.tolist()])
    stride = max(1, _AT_ONCE // groups)
    for ending in np.unique(usual).tolist():
        of_ending = np.flatnonzero(usual == ending)
        for begin in range(0, len(of_ending), stride):
            some = of_ending[begin : begin + stride]
            amount = expected[index[some]] * lasts[some, np.newaxis]
            edges = _changes(bucket[some])
            amount = np.add.reduceat(amount, edges, axis=0)
            result.sums[bucket[some][edges], :, ending // ARRIVALS] += amount
            if is_received(ending):
                result.sums[bucket[some][edges], :, RECEIVED] += amount


def _pieces(
    slot: Places, length: NDArray[np.uint8], result: Tally, first: int, last: int
) -> tuple[NDArray[np.intp] | None, Places, Counts | None]:
    """Exceptions cut to the slots that are asked for, and at the edges of buckets.

    The exception of each piece (None if each is one), its bucket, and its seconds (None if all are 1).
    """
    lasting = bool(len(length) and (length != 1).any())
    if not len(slot) or (slot.min() >= first and slot.max() + SECONDS <= last + 1):
        inside = None
    else:
        inside = np.flatnonzero((slot <= last) & (slot + length > first))
        slot, length = slot[inside], length[inside]
    if not lasting:
        return inside, (slot - result.first) // result.step_s, None
    begin, end = np.maximum(slot, first), np.minimum(slot + length, last + 1)
    bucket = (begin - result.first) // result.step_s
    if result.step_s % SECONDS == 0:
        return inside, bucket, end - begin
    pieces = (end - 1 - result.first) // result.step_s - bucket + 1
    which = np.repeat(np.arange(len(slot)), pieces)
    bucket = bucket[which] + np.arange(len(which)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    edge = bucket * result.step_s + result.first
    seconds = np.minimum(end[which], edge + result.step_s) - np.maximum(begin[which], edge)
    return which if inside is None else inside[which], bucket, seconds


def _add_exceptions(
    result: Tally,
    place: Places,
    seconds: Counts | None,
    ending: NDArray[np.uint8],
    usual: NDArray[np.uint8] | int,
) -> None:
    """Moves each exception from its second's usual ending to its own."""
    sums = result.sums.reshape(-1, COLUMNS)
    _move(sums, place, seconds, ending, 1)
    if isinstance(usual, int):
        amount = _count(place, seconds, len(sums))
        sums[:, usual // ARRIVALS] -= amount
        if is_received(usual):
            sums[:, RECEIVED] -= amount
    else:
        _move(sums, place, seconds, usual, -1)


def _move(
    sums: Counts, place: Places, seconds: Counts | None, ending: NDArray[np.uint8], sign: int
) -> None:
    present = np.flatnonzero(np.bincount(ending, minlength=ENDINGS)).tolist()
    for one in present:
        those = slice(None) if len(present) == 1 else np.flatnonzero(ending == one)
        of_those = None if seconds is None else seconds[those]
        amount = sign * _count(place[those], of_those, len(sums))
        sums[:, one // ARRIVALS] += amount
        if is_received(one):
            sums[:, RECEIVED] += amount


def _count(place: Places, seconds: Counts | None, size: int) -> Counts:
    counts: Counts = np.bincount(place, seconds, minlength=size).astype(np.int64)
    return counts
