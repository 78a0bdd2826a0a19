"""Sums by group: the sum rates of any labels, per second. Pure.

Groups of labels that leaves have are summed from the counts of the settled slots, host and node from
the evidence in the ring; so those reach back two minutes, the others ten.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from coalmine_aggregator.ledger.fate_table import ENDING_OF
from coalmine_aggregator.ledger.ledger import Ledger
from coalmine_aggregator.ledger.series import CONTROL
from coalmine_aggregator.ledger.settling import Sums, fates, reasons
from coalmine_aggregator.model.endings import COLUMNS, ENDINGS, OUTCOMES, RECEIVED, sums_of
from coalmine_aggregator.model.label_filter import LabelFilter, is_glob
from coalmine_aggregator.model.scopes import Leaf
from coalmine_aggregator.model.views import GroupRates
from coalmine_wire.series import LABELS

_Labels = tuple[str, ...]


def rates(
    ledger: Ledger, by: Sequence[str], where: Mapping[str, str], first: int, last: int
) -> list[GroupRates]:
    """The groups in order of their labels, over the settled slots of [first, last] that are at hand.

    `where` has exact values or globs, see `LabelFilter`. A control agent's series are left out unless
    it asks for their service. A group that expected nothing in any of the slots is left out. Raises
    KeyError for a label that series do not have.
    """
    unknown = (set(by) | set(where)) - set(LABELS)
    if unknown:
        raise KeyError(", ".join(sorted(unknown)))
    wanted = LabelFilter(where)
    slots = [slot for slot in ledger.tables if first <= slot <= last]
    if set(by) | set(where) <= set(Leaf._fields):
        labels, sums = _from_tables(ledger, by, wanted, sorted(slots))
    else:
        slots = [slot for slot in slots if ledger.expected_at(slot) is not None]
        labels, sums = _from_ring(ledger, by, wanted, sorted(slots))
    answer = [
        _group(dict(zip(by, values, strict=True)), sorted(slots), sums[:, group])
        for group, values in enumerate(labels)
    ]
    order = sorted(range(len(labels)), key=labels.__getitem__)
    return [answer[group] for group in order if any(answer[group].expected)]


def _group(labels: dict[str, str], slots: list[int], sums: Sums) -> GroupRates:
    return GroupRates(
        labels=labels,
        slots=list(slots),
        expected=sums[:, :OUTCOMES].sum(axis=1).tolist(),
        received=sums[:, RECEIVED].tolist(),
        fates=fates(sums).tolist(),
        unknown=reasons(sums).tolist(),
    )


def _from_tables(
    ledger: Ledger, by: Sequence[str], wanted: LabelFilter, slots: Sequence[int]
) -> tuple[list[_Labels], Sums]:
    """int32[slots, groups, COLUMNS] from the counts by leaf."""
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
    sums = np.zeros((len(slots), len(groups), COLUMNS), dtype=np.int32)
    for index, slot in enumerate(slots):
        table = ledger.tables[slot]
        group = group_of[table.leaves]
        inside = group >= 0
        np.add.at(sums[index], group[inside], table.sums[inside])
    return list(groups), sums


def _matches(leaf: Leaf, wanted: LabelFilter) -> bool:
    if leaf.service == CONTROL and wanted.where.get("service") != CONTROL:
        return False
    return wanted.takes(zip(leaf._fields, leaf, strict=True))


def _from_ring(
    ledger: Ledger, by: Sequence[str], wanted: LabelFilter, slots: Sequence[int]
) -> tuple[list[_Labels], Sums]:
    """int32[slots, groups, COLUMNS] from the evidence of every series."""
    series = ledger.series
    ids = _matching(ledger, wanted)
    codes = [series.codes(label)[ids] for label in by]
    if codes:
        keys, group = np.unique(np.stack(codes, axis=1), axis=0, return_inverse=True)
        group = group.reshape(-1).astype(np.int64)
        labels = [
            tuple(series.values(label)[code] for label, code in zip(by, key, strict=True))
            for key in keys.tolist()
        ]
    else:
        group, labels = np.zeros(len(ids), dtype=np.int64), [()]
    sums = np.zeros((len(slots), len(labels), COLUMNS), dtype=np.int32)
    for index, slot in enumerate(slots):
        expected = ledger.expected_at(slot)
        assert expected is not None
        fits = np.searchsorted(ids, len(expected))  # ids ascend; later ones came later
        inside = expected[ids[:fits]]
        known = ledger.ring.known(slot, len(expected))[ids[:fits]][inside]
        table = np.bincount(
            group[:fits][inside] * ENDINGS + ENDING_OF[known], minlength=len(labels) * ENDINGS
        )
        sums[index] = sums_of(table.reshape(len(labels), ENDINGS))
    return labels, sums


def _matching(ledger: Ledger, wanted: LabelFilter) -> NDArray[np.intp]:
    series = ledger.series
    mask = np.ones(len(series), dtype=np.bool_)
    if wanted.where.get("service") != CONTROL:
        control = series.code_of("service", CONTROL)
        if control is not None:
            mask &= series.codes("service") != control
    for label, value in wanted.where.items():
        codes = series.codes(label)
        if is_glob(value):
            fits = [wanted.matches(label, known) for known in series.values(label)]
            mask &= np.array(fits, dtype=np.bool_)[codes]
        else:
            code = series.code_of(label, value)
            mask &= codes == (-1 if code is None else code)
    return np.flatnonzero(mask)
