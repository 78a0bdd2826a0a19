"""Merging evidence."""

from __future__ import annotations

from functools import reduce

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from coalmine_aggregator.ledger.evidence import merge, merge_into

BYTES = st.integers(0, 255)


# Invariant: merging is commutative, associative and idempotent, so neither order nor repetition counts.
@given(BYTES, BYTES, BYTES)
def test_merge_is_a_join(a: int, b: int, c: int) -> None:
    assert merge(a, b) == merge(b, a)
    assert merge(a, merge(b, c)) == merge(merge(a, b), c)
    assert merge(a, a) == a
    assert merge(a, 0) == a


# Invariant: merging columns, repeated ids included, equals merging one by one.
@given(
    st.lists(BYTES, min_size=5, max_size=5), st.lists(st.tuples(st.integers(0, 4), BYTES), max_size=20)
)
def test_columns_merge_like_single_bytes(before: list[int], pieces: list[tuple[int, int]]) -> None:
    row = np.array(before, dtype=np.uint8)
    ids = np.array([at for at, _ in pieces], dtype=np.int32)
    changed = merge_into(row, ids, np.array([code for _, code in pieces], dtype=np.uint8))
    expected = [
        reduce(merge, (code for at, code in pieces if at == index), byte)
        for index, byte in enumerate(before)
    ]
    assert row.tolist() == expected
    assert changed == (expected != before)
