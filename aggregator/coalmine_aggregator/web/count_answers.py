"""`/api/v1/rates` and `/api/v1/fates`: from groups in memory, or from counts of history. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from coalmine_aggregator.model.counts import NOTHING
from coalmine_aggregator.model.endings import OUTCOMES, RECEIVED
from coalmine_aggregator.model.fates import Fate
from coalmine_aggregator.model.views import GroupRates
from coalmine_aggregator.reading.counts import Counts
from coalmine_aggregator.reading.question import Question
from coalmine_aggregator.web.answers import (
    Fates,
    RateGroup,
    Rates,
    SlotFates,
    fate_group,
    rate_group,
    sums_of,
    total_of,
)


def rates_of(
    question: Question, settled: int, groups: Sequence[GroupRates], seen: Sequence[int]
) -> Rates:
    """The answer by step; all groups have the same slots, `seen` says how much is known of each."""
    return Rates(
        first=question.first,
        last=question.last,
        settled=settled,
        step=question.step_s,
        by=list(question.by),
        where=question.where,
        seen=list(seen) if groups else [],
        groups=[rate_group(group) for group in groups],
    )


def fates_of(
    question: Question, settled: int, groups: Sequence[GroupRates], oddities: Mapping[str, int]
) -> Fates:
    """The answer added up."""
    items = [fate_group(group) for group in groups]
    return Fates(
        first=question.first,
        last=question.last,
        settled=settled,
        by=list(question.by),
        where=question.where,
        total=sums_of(sum((total_of(group) for group in groups), NOTHING)),
        balanced=all(item.balanced for item in items),
        groups=items,
        oddities=dict(oddities),
    )


def history_rates_of(question: Question, settled: int, counts: Counts) -> Rates:
    """The answer by step out of history. There may be half a million rows: they go from columns to
    lists at once."""
    known = np.flatnonzero(counts.seen)
    slots: list[int] = (counts.first + known * counts.step_s).tolist()
    table = counts.sums if len(known) == len(counts.seen) else counts.sums[known]
    columns = np.ascontiguousarray(table.transpose(1, 2, 0))
    return Rates(
        first=question.first,
        last=question.last,
        settled=settled,
        step=question.step_s,
        by=list(question.by),
        where=question.where,
        seen=counts.seen[known].tolist() if counts.labels else [],
        groups=[
            RateGroup(
                labels=dict(zip(question.by, labels, strict=True)),
                slots=slots,
                expected=group[:OUTCOMES].sum(axis=0).tolist(),
                received=group[RECEIVED].tolist(),
                fates=_slot_fates(group),
            )
            for labels, group in zip(counts.labels, columns, strict=True)
        ],
    )


def _slot_fates(columns: NDArray[np.int64]) -> SlotFates:
    """Of int64[COLUMNS, slots]."""
    certain = zip(Fate, columns[: Fate.UNKNOWN].tolist(), strict=False)
    unknown = columns[Fate.UNKNOWN : OUTCOMES].sum(axis=0).tolist()
    return SlotFates(unknown=unknown, **{fate.label: counts for fate, counts in certain})


def groups_of(counts: Counts, by: Sequence[str]) -> tuple[list[GroupRates], list[int]]:
    """The groups of history, over the steps of which anything is known, and in how many seconds."""
    known = np.flatnonzero(counts.seen)
    slots: list[int] = (counts.first + known * counts.step_s).tolist()
    table = counts.sums[known]
    outcomes, received = table[..., :OUTCOMES], table[..., RECEIVED]
    fates = np.concatenate(
        (outcomes[..., : Fate.UNKNOWN], outcomes[..., Fate.UNKNOWN :].sum(axis=-1, keepdims=True)),
        axis=-1,
    )
    groups = [
        GroupRates(
            labels=dict(zip(by, labels, strict=True)),
            slots=slots,
            expected=outcomes[:, group].sum(axis=-1).tolist(),
            received=received[:, group].tolist(),
            fates=fates[:, group].tolist(),
            unknown=outcomes[:, group, Fate.UNKNOWN :].tolist(),
        )
        for group, labels in enumerate(counts.labels)
    ]
    return groups, counts.seen[known].tolist()
