"""Sums by group: the sum rates of any labels, per second. Pure.

Groups of labels that leaves have are summed from the counts of the settled slots, host and node from
the evidence in the ring; so those reach back two minutes, the others ten.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from coalmine_aggregator.ledger.fate_table import ENDING_OF
from coalmine_aggregator.ledger.ledger import Ledger
from coalmine_aggregator.ledger.series import CONTROL, AllSeries
from coalmine_aggregator.ledger.settling import Sums, fates, reasons
from coalmine_aggregator.model.endings import COLUMNS, ENDINGS, OUTCOMES, RECEIVED, sums_of
from coalmine_aggregator.model.label_filter import LabelFilter, is_glob
from coalmine_aggregator.model.scopes import Leaf
from coalmine_aggregator.model.views import GroupRates, GroupSums
from coalmine_wire.series import LABELS

_Labels = tuple[str, ...]

_DENSE: Final = 8
"""So many times as many places as series are worth it."""

_WIDE: Final = 1 << 40


MAX_SERIES: Final = 150_000
"""Series times slots, and one slot more, that are looked at between two ticks: some milliseconds."""

MAX_GROUPS: Final = 10_000
MAX_POINTS: Final = 20_000
"""Slots times groups of the same."""

MAX_VALUES: Final = 10_000
"""Values of a label that are held against a glob, of the same."""


def rates(
    ledger: Ledger, by: Sequence[str], where: Mapping[str, str], first: int, last: int
) -> list[GroupRates]:
    """The groups in order of their labels, over the settled slots of [first, last] that are at hand.

    `where` has exact values or globs, see `LabelFilter`. A control agent's series are left out unless
    it asks for their service. A group that expected nothing in any of the slots is left out. Raises
    KeyError for a label that series do not have.
    """
    slots, labels, sums = _sums(ledger, by, where, first, last)
    answer = [
        _group(dict(zip(by, values, strict=True)), slots, sums[:, group])
        for group, values in enumerate(labels)
    ]
    order = sorted(range(len(labels)), key=labels.__getitem__)
    return [answer[group] for group in order if any(answer[group].expected)]


def recent_sums(
    ledger: Ledger, by: Sequence[str], where: Mapping[str, str], first: int, last: int
) -> GroupSums | None:
    """The same counts of as many of these slots, the newest ones, as can be had in a few milliseconds;
    None if that is none of them. In it are groups that expected nothing. Raises KeyError."""
    try:
        return _sums(ledger, by, where, first, last, bounded=True)
    except _TooMuchError:
        return None


class _TooMuchError(Exception):
    """It would take too long."""


def _sums(
    ledger: Ledger,
    by: Sequence[str],
    where: Mapping[str, str],
    first: int,
    last: int,
    bounded: bool = False,
) -> GroupSums:
    """Raises KeyError; `_TooMuchError` if it is to be bounded."""
    unknown = (set(by) | set(where)) - set(LABELS)
    if unknown:
        raise KeyError(", ".join(sorted(unknown)))
    wanted = LabelFilter(where)
    slots = sorted(slot for slot in ledger.tables if first <= slot <= last)
    if set(by) | set(where) <= set(Leaf._fields):
        labels, group_of = _groups_of_leaves(ledger, by, wanted)
        slots = _fitting(slots, 0, len(labels)) if bounded else slots
        return GroupSums(slots, labels, _from_tables(ledger, slots, group_of, len(labels)))
    slots = [slot for slot in slots if ledger.expected_at(slot) is not None]
    ids = _matching(ledger, wanted, bounded)
    slots = _fitting(slots, len(ids), 1) if bounded else slots
    labels, group = _groups_of_series(ledger.series, by, ids, bounded)
    slots = _fitting(slots, 0, len(labels)) if bounded else slots
    return GroupSums(slots, labels, _from_ring(ledger, slots, ids, group, len(labels)))


def _fitting(slots: list[int], series: int, groups: int) -> list[int]:
    """The newest of the slots that are not too many. Raises `_TooMuchError`."""
    most = min(MAX_SERIES // max(series, 1) - 1, MAX_POINTS // max(groups, 1))
    if most < 1 or groups > MAX_GROUPS:
        raise _TooMuchError
    return slots[-most:]


def _group(labels: dict[str, str], slots: list[int], sums: Sums) -> GroupRates:
    return GroupRates(
        labels=labels,
        slots=list(slots),
        expected=sums[:, :OUTCOMES].sum(axis=1).tolist(),
        received=sums[:, RECEIVED].tolist(),
        fates=fates(sums).tolist(),
        unknown=reasons(sums).tolist(),
    )


def _groups_of_leaves(
    ledger: Ledger, by: Sequence[str], wanted: LabelFilter
) -> tuple[list[_Labels], NDArray[np.int64]]:
    """The groups, and int64[leaves]: the group of each leaf, -1 for none."""
    groups: dict[_Labels, int] = {}
    group_of = np.array(
        [
            groups.setdefault(tuple(getattr(leaf, label) for label in by), len(groups))
            if _matches(leaf, wanted)
            else -1
            for leaf in ledger.series.leaves
        ],
        dtype=np.int64,
    )
    return list(groups), group_of


def _from_tables(
    ledger: Ledger, slots: Sequence[int], group_of: NDArray[np.int64], groups: int
) -> Sums:
    """int32[slots, groups, COLUMNS] from the counts by leaf."""
    sums = np.zeros((len(slots), groups, COLUMNS), dtype=np.int32)
    for index, slot in enumerate(slots):
        table = ledger.tables[slot]
        group = group_of[table.leaves]
        inside = group >= 0
        np.add.at(sums[index], group[inside], table.sums[inside])
    return sums


def _matches(leaf: Leaf, wanted: LabelFilter) -> bool:
    if leaf.service == CONTROL and wanted.where.get("service") != CONTROL:
        return False
    return wanted.takes(zip(leaf._fields, leaf, strict=True))


def _groups_of_series(
    series: AllSeries, by: Sequence[str], ids: NDArray[np.intp], bounded: bool
) -> tuple[list[_Labels], NDArray[np.int64]]:
    """The groups, and int64[ids]: the group of each. Raises `_TooMuchError` if it is to be bounded."""
    key, size = np.zeros(len(ids), dtype=np.int64), 1
    for label in by:
        values = len(series.values(label))
        if size * values > _WIDE:
            key = np.unique(key, return_inverse=True)[1].reshape(-1)
            size = len(ids)
        key, size = key * values + series.codes(label)[ids], size * values
    if size <= _DENSE * len(ids):  # each key has a place of its own: nothing to be sorted
        keys = np.flatnonzero(np.bincount(key, minlength=size))
        place = np.zeros(size, dtype=np.int64)
        place[keys] = np.arange(len(keys))
        group = place[key]
    else:
        keys, group = np.unique(key, return_inverse=True)
        group = group.reshape(-1).astype(np.int64)
    if bounded and len(keys) > MAX_GROUPS:
        raise _TooMuchError
    samples = np.zeros(len(keys), dtype=np.intp)
    samples[group] = ids
    columns = [
        [series.values(label)[code] for code in series.codes(label)[samples].tolist()] for label in by
    ]
    return list(zip(*columns, strict=True)) if by else [()] * len(keys), group


def _from_ring(
    ledger: Ledger,
    slots: Sequence[int],
    ids: NDArray[np.intp],
    group: NDArray[np.int64],
    groups: int,
) -> Sums:
    """int32[slots, groups, COLUMNS] from the evidence of every series."""
    base = group * ENDINGS
    sums = np.zeros((len(slots), groups, COLUMNS), dtype=np.int32)
    for index, slot in enumerate(slots):
        expected = ledger.expected_at(slot)
        assert expected is not None
        fits = np.searchsorted(ids, len(expected))  # ids ascend; later ones came later
        inside = expected[ids[:fits]]
        known = ledger.ring.known(slot, len(expected))[ids[:fits]][inside]
        table = np.bincount(base[:fits][inside] + ENDING_OF[known], minlength=groups * ENDINGS)
        sums[index] = sums_of(table.reshape(groups, ENDINGS))
    return sums


def _matching(ledger: Ledger, wanted: LabelFilter, bounded: bool) -> NDArray[np.intp]:
    """The ids that a filter takes, ascending. Raises `_TooMuchError` if it is to be bounded."""
    series = ledger.series
    mask = np.ones(len(series), dtype=np.bool_)
    if wanted.where.get("service") != CONTROL:
        control = series.code_of("service", CONTROL)
        if control is not None:
            mask &= series.codes("service") != control
    for label, value in wanted.where.items():
        codes = series.codes(label)
        if is_glob(value):
            if bounded and len(series.values(label)) > MAX_VALUES:
                raise _TooMuchError
            fits = [wanted.matches(label, known) for known in series.values(label)]
            mask &= np.array(fits, dtype=np.bool_)[codes]
        else:
            code = series.code_of(label, value)
            mask &= codes == (-1 if code is None else code)
    return np.flatnonzero(mask)
