"""Minutes as plain dictionaries: what the codec is held against."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from hypothesis import strategies as st

from coalmine_aggregator.history.columns import Columns
from coalmine_aggregator.history.minute import Minute
from coalmine_aggregator.history.minute_layout import MAX_NUMBERS
from coalmine_aggregator.model.endings import ENDINGS

endings = st.integers(0, ENDINGS - 1)
few_endings = st.sampled_from([2, 9, 5, 29])


class DenseSecond(NamedTuple):
    roster: int
    usual: int
    exceptions: dict[int, int]


Dense = dict[int, DenseSecond]
"""By second, 0 to 59, or by slot."""

Puts = list[tuple[int, DenseSecond]]
"""Seconds (0 to 59) in the order in which they are put."""


def numbers(highest: int) -> st.SearchStrategy[int]:
    return st.integers(0, highest - 1)


@st.composite
def exceptions(draw: st.DrawFn, highest: int) -> dict[int, int]:
    """Of a handful of series, or of any; so that runs and wide blocks come up."""
    number = st.one_of(st.integers(0, 8), numbers(highest))
    return draw(st.dictionaries(number, few_endings | endings, max_size=12))


@st.composite
def minutes(draw: st.DrawFn, highest: int = MAX_NUMBERS, rosters: int = 3) -> Puts:
    """A list of puts (second, `DenseSecond`), of which later ones replace earlier ones."""
    kinds = draw(st.lists(exceptions(highest), min_size=1, max_size=4))
    second = st.builds(
        DenseSecond,
        st.integers(0, rosters - 1),
        st.sampled_from([2, 2, 2, 9]),
        st.sampled_from(kinds) | exceptions(highest),
    )
    puts = draw(st.lists(st.tuples(st.integers(0, 59), second), max_size=30))
    lasting = draw(second)
    stretch = draw(st.integers(0, 60))
    puts = [*((index, lasting) for index in range(stretch)), *puts]
    every = draw(st.sampled_from([0, 2, 3]))
    if every:  # one span, in which some end otherwise again and again
        fewer = lasting._replace(exceptions=draw(exceptions(highest)))
        puts = [(index, fewer if index % every else lasting) for index, _ in puts]
    return puts


def put(minute: Minute, puts: Puts) -> Dense:
    """Puts them all; the dense minute of the same."""
    dense: Dense = {}
    for second, what in puts:
        dense[second] = what
        order = sorted(what.exceptions)
        minute.put(
            second,
            what.roster,
            what.usual,
            np.array(order, dtype=np.int32),
            np.array([what.exceptions[number] for number in order], dtype=np.uint8),
        )
    return dense


def dense_of(minute: Minute) -> Dense:
    """What a minute says."""
    dense: Dense = {}
    for index in range(60):
        second = minute.second(index)
        assert (second is not None) == bool(minute.seen[index])
        if second is not None:
            pairs = zip(second.numbers.tolist(), second.endings.tolist(), strict=True)
            dense[index] = DenseSecond(second.roster, second.usual, dict(pairs))
    return dense


def dense_columns(columns: Columns) -> Dense:
    """What columns say, by slot; no exception may be told twice."""
    dense: Dense = {}
    for slot, roster, usual in zip(
        columns.seen_slot.tolist(), columns.roster.tolist(), columns.usual.tolist(), strict=True
    ):
        assert slot not in dense
        dense[slot] = DenseSecond(roster, usual, {})
    for part in (columns.single, columns.lasting):
        assert (np.diff(part.ending.astype(int)) >= 0).all()
        begins = np.repeat(part.begins, part.counts)
        masks = np.ones(len(part.key), dtype=np.uint64) if part.mask is None else part.mask
        for minute, key, ending, mask in zip(
            begins.tolist(), part.key.tolist(), part.endings.tolist(), masks.tolist(), strict=True
        ):
            number, second = divmod(key, 60)
            assert mask & 1
            assert mask >> 60 - second == 0
            for slot in (minute + second + later for later in range(60) if mask >> later & 1):
                assert number not in dense[slot].exceptions
                assert dense[slot][:2] == dense[minute + second][:2]
                dense[slot].exceptions[number] = ending
    assert sum(len(second.exceptions) for second in dense.values()) == (
        columns.single.seconds + columns.lasting.seconds
    )
    return dense
