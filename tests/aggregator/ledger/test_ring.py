"""The ring: counting receipts, saturating, rolling on, growing."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coalmine_aggregator.ledger.evidence import ON_TIME, SENT
from coalmine_aggregator.ledger.ring import Ring

T = 1_800_000_000


def count(ring: Ring, pairs: list[tuple[int, int]]) -> None:
    ring.count(
        np.array([slot for slot, _ in pairs], dtype=np.int64),
        np.array([series for _, series in pairs], dtype=np.int32),
    )


# Invariant: counts are those of the receipts, saturating at 128, however they are cut into batches.
@given(
    st.lists(st.lists(st.tuples(st.integers(T, T + 7), st.integers(0, 3)), max_size=300), max_size=6)
)
def test_counts_receipts(batches: list[list[tuple[int, int]]]) -> None:
    ring = Ring(T, depth=8)
    ring.reach(T + 7)
    truth: Counter[tuple[int, int]] = Counter()
    for batch in batches:
        count(ring, batch)
        truth.update(batch)
    for slot in range(T, T + 8):
        assert ring.receipts(slot, 4).tolist() == [min(truth[slot, each], 128) for each in range(4)]


@pytest.mark.parametrize("copies", [127, 128, 129, 255, 256, 257, 512, 1_000, 65_536])
def test_a_flood_of_one_datapoint_never_wraps_to_nothing(copies: int) -> None:
    ring = Ring(T, depth=8)
    ring.reach(T)
    for _ in range(5):
        count(ring, [(T, 1)] * copies)
        assert ring.receipts(T, 3)[1] > 0
    assert ring.receipts(T, 3).tolist()[::2] == [0, 0]


def test_rows_that_leave_are_empty_when_they_come_round_again() -> None:
    ring = Ring(T, depth=8)
    ring.reach(T + 7)
    count(ring, [(T, 2)])
    ring.say(T, 2, SENT)
    assert ring.holds(T)
    ring.reach(T + 8)
    assert not ring.holds(T)
    assert not ring.known(T + 8, 4).any()
    ring.say(T + 8, 1, SENT)
    ring.reach(T + 500)
    assert all(not ring.known(slot, 4).any() for slot in range(ring.low, ring.high + 1))


def test_growing_keeps_what_is_known() -> None:
    ring = Ring(T, depth=8)
    ring.reach(T + 3)
    count(ring, [(T + 1, 7), (T + 1, 7)])
    ring.say(T + 1, 7, SENT)
    ring.grow(100_000)
    assert ring.known(T + 1, 100_000).nonzero()[0].tolist() == [7]
    assert ring.known(T + 1, 8)[7] == SENT | ON_TIME
    count(ring, [(T + 2, 99_999)])
    assert ring.receipts(T + 2, 100_000)[99_999] == 1
    assert ring.say(T + 2, 99_999, SENT)
    assert not ring.say(T + 2, 99_999, SENT)


def test_a_depth_that_is_no_power_of_two_is_refused() -> None:
    with pytest.raises(ValueError, match="power of two"):
        Ring(T, depth=100)
