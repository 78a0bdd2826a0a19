"""A minute's bytes: whatever is put comes back, quiet minutes cost little, damage is told.

Invariant: decode(encode(m)) has the counts of every seen slot of m, for any order of puts.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coalmine_aggregator.model.fates import FATES
from coalmine_aggregator.store.minutes import SLOTS, Minute, MinuteError, decode, encode

counts = st.lists(st.integers(0, 2**31 - 1), min_size=FATES + 1, max_size=FATES + 1)
rows = st.dictionaries(st.integers(1, 2**32 - 1), counts, max_size=5)
puts = st.lists(st.tuples(st.integers(0, SLOTS - 1), rows), max_size=20)


@given(puts)
def test_what_is_put_comes_back(history: list[tuple[int, dict[int, list[int]]]]) -> None:
    minute, told = Minute(), {}
    for second, by_leaf in history:
        whole = np.array(list(by_leaf.values()), dtype=np.int32).reshape(len(by_leaf), FATES + 1)
        minute.put(second, list(by_leaf), whole[:, FATES], whole[:, :FATES])
        told[second] = by_leaf
    again = decode(encode(minute))
    assert np.flatnonzero(again.seen).tolist() == sorted(told)
    for second, by_leaf in told.items():
        for i, leaf in enumerate(again.ids):
            assert again.table[second, i].tolist() == by_leaf.get(leaf, [0] * (FATES + 1))


def test_a_green_minute_costs_a_few_bytes_a_leaf() -> None:
    minute, leaves = Minute(), list(range(1, 1001))
    fates = np.zeros((1000, FATES), dtype=np.int32)
    fates[:, 0] = 4
    for second in range(SLOTS):
        minute.put(second, leaves, fates[:, 0], fates)
    assert len(encode(minute)) <= 3 * len(leaves)


@pytest.mark.parametrize("damage", [b"", b"\x09", b"\x01", b"\x01junk"])
def test_damage_is_told(damage: bytes) -> None:
    with pytest.raises(MinuteError):
        decode(damage)


@given(st.integers(1, 200), st.binary(min_size=1, max_size=8))
def test_any_damage_is_told_or_harmless(at: int, junk: bytes) -> None:
    minute = Minute()
    minute.put(7, [1, 5], np.array([3, 4], dtype=np.int32), np.ones((2, FATES), dtype=np.int32))
    data = encode(minute)
    at %= len(data)
    try:
        decode(data[:at] + junk + data[at + len(junk) :])
    except MinuteError:
        pass
