"""From exceptions back to sums: counts by outcome, bucket of time and group of series. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from coalmine_aggregator.history.columns import Columns
from coalmine_aggregator.history.exceptions import Exceptions, reach, steps
from coalmine_aggregator.history.minute_layout import SECONDS
from coalmine_aggregator.model.endings import ARRIVALS, COLUMNS, ENDINGS, RECEIVED, is_received

MAX_POINTS: Final = 1 << 22
"""Buckets times groups."""

_AT_ONCE: Final = 1 << 20
_LASTING_AT_ONCE: Final = _AT_ONCE // SECONDS

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

    group_of = _with_none(columns, group_of, result.sums.shape[1])
    for part in (columns.single, columns.lasting):
        whole = spans.whole(part.begins, result)
        _add_whole(result, part.of_blocks(whole), spans, group_of)
        _add_seconds(result, part.of_blocks(~whole), spans, group_of)


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
        minute = columns.seen_slot // SECONDS
        inside = self.begins[1:]
        self._several = np.unique(minute[inside[minute[inside - 1] == minute[inside]]])

    def of_seconds(self) -> Places:
        """The span of each second that was seen."""
        lasts = np.diff(self.begins, append=len(self._slots))
        return np.repeat(np.arange(len(self.begins)), lasts)

    def of_slots(self, slots: Places) -> NDArray[np.intp]:
        """The span of each of these slots, all of which were seen."""
        return np.searchsorted(self._slots[self.begins], slots, side="right") - 1

    def whole(self, minutes: Places, result: Tally) -> NDArray[np.bool_]:
        """Which of the minutes that begin in these slots are asked for as a whole, lie in one bucket
        and in one span."""
        if result.step_s % SECONDS:
            return np.zeros(len(minutes), dtype=np.bool_)
        first, last = result.asked
        whole = (minutes >= first) & (minutes + SECONDS <= last + 1)
        if len(self._several):
            whole &= ~np.isin(minutes // SECONDS, self._several)
        return whole


def _changes(*columns: NDArray[np.int64] | NDArray[np.uint8]) -> Places:
    """Where a stretch begins in which none of the columns changes."""
    size = len(columns[0])
    begins = np.zeros(size, dtype=np.bool_)
    begins[:1] = True
    for column in columns:
        begins[1:] |= column[1:] != column[:-1]
    return np.flatnonzero(begins)


def _with_none(columns: Columns, group_of: NDArray[np.int32], groups: int) -> NDArray[np.int32]:
    """The group of every number that comes up; `groups` for those that are not asked for."""
    highest = max(int(part.key.max(initial=0)) // SECONDS for part in (columns.single, columns.lasting))
    beyond = np.full(max(0, highest + 1 - len(group_of)), groups, dtype=np.int32)
    return np.concatenate((np.where(group_of < 0, np.int32(groups), group_of), beyond))


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


def _add_whole(result: Tally, part: Exceptions, spans: _Spans, group_of: NDArray[np.int32]) -> None:
    """Adds exceptions of whole minutes, see `_Spans.whole`: what they have in common is worked out by
    block, and not of each."""
    if not len(part.key):
        return
    span = spans.of_slots(part.begins + SECONDS - 1)
    bucket = (part.begins - result.first) // result.step_s
    buckets, groups = result.sums.shape[:2]
    bucket[~spans.known[span]] = buckets
    place = np.repeat((bucket * (groups + 1)).astype(np.int32), part.counts)
    place += group_of.take(part.number)
    lasts = None if part.mask is None else np.bitwise_count(part.mask)
    moved = _Moved(result)
    changes = _changes(part.ending)
    ends = np.cumsum(part.counts)
    for begin, end in zip(changes.tolist(), [*changes[1:].tolist(), len(ends)], strict=True):
        those = slice(int(ends[begin] - part.counts[begin]), int(ends[end - 1]))
        moved.add(int(part.ending[begin]), place[those], None if lasts is None else lasts[those])
    usual = spans.usual[span]
    if (usual == usual[0]).all():
        moved.add_all(int(usual[0]))
    else:
        moved.add_each(np.repeat(usual, part.counts), place, lasts)


def _add_seconds(result: Tally, part: Exceptions, spans: _Spans, group_of: NDArray[np.int32]) -> None:
    """Adds exceptions of any minutes."""
    first, last = result.asked
    groups = result.sums.shape[1]
    stride = _AT_ONCE if part.mask is None else _LASTING_AT_ONCE
    slots, numbers, endings = part.slot, part.number, part.endings
    for begin in range(0, len(part.key), stride):
        some = slice(begin, begin + stride)
        slot, group = slots[some], group_of[numbers[some]]
        chosen = (group < groups) & (slot <= last)
        if part.mask is None:
            chosen &= slot >= first
        if not spans.all_known:
            chosen &= spans.known[spans.of_slots(slot)]
        slot, group, ending = slot[chosen], group[chosen], endings[some][chosen]
        usual = spans.usual[spans.of_slots(slot)] if spans.mixed else None
        lasts = None
        if part.mask is not None:
            which, slot, lasts = _pieces(slot, part.mask[some][chosen], result)
            group, ending = group[which], ending[which]
            usual = usual if usual is None else usual[which]
        place = (slot - result.first) // result.step_s * (groups + 1) + group
        moved = _Moved(result)
        moved.add_each(ending, place, lasts, 1)
        if usual is None:
            moved.add_all(int(spans.usual[0]))
        else:
            moved.add_each(usual, place, lasts)


def _pieces(
    slot: Places, mask: NDArray[np.uint64], result: Tally
) -> tuple[NDArray[np.intp], Places, NDArray[np.uint8]]:
    """Exceptions cut to the slots that are asked for and at the edges of buckets.

    The exception of each piece, a slot of it, and of how many seconds it is.
    """
    first, last = result.asked
    end = np.minimum(slot + reach(mask), last + 1)
    begin = np.maximum(slot, first)
    inside = np.flatnonzero(end > begin)
    bucket = begin[inside] // result.step_s
    which, later = steps((end[inside] - 1) // result.step_s - bucket + 1)
    edge = (bucket[which] + later) * result.step_s
    which = inside[which]
    begin, end = np.maximum(begin[which], edge), np.minimum(end[which], edge + result.step_s)
    skipped, seconds = (begin - slot[which]).astype(np.uint64), (end - begin).astype(np.uint64)
    window = (np.uint64(1) << seconds) - np.uint64(1)
    return which, begin, np.bitwise_count(mask[which] >> skipped & window)


class _Moved:
    """Exceptions on their way from the column of the usual ending to those of their own.

    A place is `bucket * (groups + 1) + group`; in the bucket and in the group after the last, they are
    left out.
    """

    def __init__(self, result: Tally) -> None:
        self._result = result
        buckets, groups = result.sums.shape[:2]
        self._shape = (buckets + 1, groups + 1)
        self._all = np.zeros((buckets, groups), dtype=np.int64)

    def add(
        self, ending: int, place: NDArray[Any], lasts: NDArray[np.uint8] | None, sign: int = 1
    ) -> None:
        """Adds some to the column of an ending, or takes them from it."""
        buckets, groups = self._shape
        counted = np.bincount(place, lasts, minlength=buckets * groups)
        amount = counted.astype(np.int64, copy=False).reshape(self._shape)[:-1, :-1]
        self._to(ending, sign * amount)
        self._all += amount

    def add_each(
        self,
        endings: NDArray[np.uint8],
        place: NDArray[Any],
        lasts: NDArray[np.uint8] | None,
        sign: int = -1,
    ) -> None:
        """The same of many endings."""
        present = np.flatnonzero(np.bincount(endings, minlength=ENDINGS)).tolist()
        for one in present:
            those = slice(None) if len(present) == 1 else np.flatnonzero(endings == one)
            self.add(one, place[those], None if lasts is None else lasts[those], sign)

    def add_all(self, usual: int) -> None:
        """Takes all that were added from the column of one ending."""
        self._to(usual, -self._all)

    def _to(self, ending: int, amount: Counts) -> None:
        sums = self._result.sums
        sums[..., ending // ARRIVALS] += amount
        if is_received(ending):
            sums[..., RECEIVED] += amount
