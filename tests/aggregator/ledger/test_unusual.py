"""Who ended otherwise than most.

Invariant: whatever is known, the usual ending and the exceptions are the ending of every expected
series, and nothing is usual that another ending outnumbers.
"""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from coalmine_aggregator.ledger.evidence import PLAIN
from coalmine_aggregator.ledger.exceptions import exceptional
from coalmine_aggregator.ledger.fate_table import ENDING_OF
from coalmine_aggregator.ledger.series import AllSeries
from coalmine_aggregator.ledger.settling import Settler
from coalmine_aggregator.ledger.unusual import same_endings, settled_slot
from coalmine_aggregator.ledger.windows import expected_of
from coalmine_aggregator.model.endings import PLAIN_ENDING
from tests.aggregator.store.samples import names

T = 1_800_000_000

evidence = st.just(PLAIN) | st.sampled_from([0, 3]) | st.integers(0, 255)


@given(st.lists(st.tuples(st.booleans(), evidence), min_size=1, max_size=40))
def test_every_ending_is_told(series: list[tuple[bool, int]]) -> None:
    mask = np.array([expected for expected, _ in series], dtype=np.bool_)
    known = np.array([byte for _, byte in series], dtype=np.uint8)
    all_series = AllSeries()
    for name in names()[: len(series)]:
        all_series.restore(name)
    expected = expected_of(mask)
    table = Settler(all_series).settle(T, known, expected, mask)
    slot = settled_slot(T, known, expected, mask, exceptional(known, mask), table.usual)
    endings = np.full(len(series), slot.usual, dtype=np.uint8)
    endings[slot.ids] = slot.endings
    assert endings[mask].tolist() == ENDING_OF[known][mask].tolist()
    assert mask[slot.ids].all()
    counts = np.bincount(endings[mask], minlength=slot.usual + 1)
    assert counts[slot.usual] == counts.max()


def test_other_evidence_of_one_ending_is_no_revision() -> None:
    """A report that comes after the receipt says nothing new."""
    known = np.array([byte for byte in range(256) if ENDING_OF[byte] == PLAIN_ENDING], dtype=np.uint8)
    assert len(known) > 1
    every = np.ones(len(known), dtype=np.bool_)
    assert same_endings(known, known[::-1].copy(), every)
    lost = np.zeros(len(known), dtype=np.uint8)
    assert not same_endings(known, lost, every)
    assert same_endings(known, lost, ~every)
