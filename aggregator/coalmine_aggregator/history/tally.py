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
    was received in time. `seen` is int32[buckets]: of how many seconds anything is known. `asked` are
    the first and the last slot of interest; a bucket at either end may hold fewer seconds.
    """

    first: int
    step_s: int
    asked: tuple[int, int]
    sums: Counts
    seen: NDArray[np.int32]

    def between(self, first: int, last: int) -> Tally:
        """The same sums, to be added to, of the buckets that any of these slots belong to."""
        begin = max(0, (first - self.first) // self.step_s)
        end = max(begin, (last - self.first) // self.step_s + 1)
        start = self.first + begin * self.step_s
        return Tally(start, self.step_s, self.asked, self.sums[begin:end], self.seen[begin:end])


def blank(groups: int, first: int, last: int, step_s: int) -> Tally:
    """Nothing known of the slots from `first` to `last`, both included, in buckets that begin at
    multiples of `step_s`. Raises ValueError for more than `MAX_POINTS`."""
    if step_s < 1 or last < first or groups < 0:
        raise ValueError(f"slots {first} to {last} by {step_s} s for {groups} groups")
    begin = first // step_s
    buckets = last // step_s - begin + 1
    if buckets * max(groups, 1) > MAX_POINTS:
        raise ValueError(f"{buckets} buckets of {groups} groups, expected at most {MAX_POINTS}")
    # Each column lies together, for they are added to one by one.
    sums = np.zeros((COLUMNS, buckets, groups), dtype=np.int64).transpose(1, 2, 0)
    return Tally(begin * step_s, step_s, (first, last), sums, np.zeros(buckets, dtype=np.int32))


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
    """The sums of the slots from `first` to `last`, both included, see `add`. Raises ValueError, see
    `blank`."""
    result = blank(groups, first, last, step_s)
    add(result, columns, expected_of, group_of)
    return result


def add(
    result: Tally, columns: Columns, expected_of: Mapping[int, Counts], group_of: NDArray[np.int32]
) -> None:
    """Adds what the columns say of the slots that were asked for; the same ones may be added once.

    `group_of` is the group of each number, -1 for those that are not asked for, as all beyond it are;
    `expected_of` is int64[groups] by roster, see `expected_by_group`. Seconds of any other roster count
    as not seen.
    """
    if not len(columns.seen_slot):
        return
    first, last = result.asked
    result = result.between(
        max(first, int(columns.seen_slot[0])), min(last, int(columns.seen_slot[-1]))
    )
    if not len(result.seen):
        return
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
    which, bucket, lasts = _pieces(slot, length, result)
    if which is not None:
        ending, group = ending[which], group[which]
        usual = usual[which] if usual is not None else None
    place = bucket * result.sums.shape[1] + group
    moved = _move(result, place, lasts, ending, 1)
    if usual is None:
        _add_to(result, int(spans.usual[0]), -moved)
    else:
        _move(result, place, lasts, usual, -1)


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
    result.seen[:] += np.bincount(bucket, minlength=len(result.seen))
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
    slot: Places, length: NDArray[np.uint8], result: Tally
) -> tuple[NDArray[np.intp] | None, Places, Counts | None]:
    """Exceptions cut to the slots that are asked for, and at the edges of buckets.

    The exception of each piece (None if each is one), its bucket, and its seconds (None if all are 1).
    """
    first, last = result.asked
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


def _move(
    result: Tally, place: Places, lasts: Counts | None, ending: NDArray[np.uint8], sign: int
) -> Counts:
    """Adds exceptions to the columns of their endings; gives int64[buckets, groups], all added."""
    shape = result.sums.shape[:2]
    moved = np.zeros(shape, dtype=np.int64)
    counted = np.bincount(ending, minlength=ENDINGS)
    present = np.flatnonzero(counted).tolist()
    for one in present:
        those = slice(None) if len(present) == 1 else np.flatnonzero(ending == one)
        of_those = None if lasts is None else lasts[those]
        amount = np.bincount(place[those], of_those, minlength=moved.size)
        amount = sign * amount.astype(np.int64).reshape(shape)
        _add_to(result, one, amount)
        moved += amount
    return moved


def _add_to(result: Tally, ending: int, amount: Counts) -> None:
    result.sums[..., ending // ARRIVALS] += amount
    if is_received(ending):
        result.sums[..., RECEIVED] += amount
