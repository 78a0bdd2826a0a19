"""The recent slots by cell."""

from __future__ import annotations

import numpy as np
import pytest

from coalmine_aggregator.judge.recent import FEW, KEPT, MOST_CELLS, Recent, RecentSlot, count
from coalmine_aggregator.model.counts import NOTHING, Counts
from coalmine_aggregator.model.fates import Fate
from coalmine_aggregator.model.slot_cells import ABSENT


def slot(number: int, cells: int = 4) -> RecentSlot:
    fates = np.zeros(cells, dtype=np.uint8)
    return RecentSlot(number, fates, np.ones(cells, dtype=np.bool_), NOTHING)


@pytest.mark.parametrize("cells", [200, 20_000])
def test_counts_are_those_of_the_cells_inside(cells: int) -> None:
    rng = np.random.default_rng(5)
    fates = rng.choice([*range(7), ABSENT], size=cells).astype(np.uint8)
    received = (fates == 0) | (rng.random(cells) < 0.1) & (fates != ABSENT)
    inside = rng.random(cells) < 0.4
    by_hand = [0] * 7
    arrived = 0
    for fate, came, within in zip(fates.tolist(), received.tolist(), inside.tolist(), strict=True):
        if within and fate != ABSENT:
            by_hand[fate] += 1
        arrived += within and came
    assert count(fates, received, inside) == Counts(arrived, tuple(by_hand))
    assert count(fates, None, inside) == Counts(0, tuple(by_hand))


def test_masks_of_another_width_count_what_both_have() -> None:
    fates = np.array([Fate.LOST, Fate.DELIVERED, Fate.LOST], dtype=np.uint8)
    for width in (0, 1, 2, 5):
        inside = np.ones(width, dtype=np.bool_)
        assert count(fates, None, inside).expected == min(width, 3)
    assert count(fates, None, None).bad == 2
    assert count(np.zeros(0, dtype=np.uint8), None, None) == NOTHING


def test_it_is_bounded_by_slots_and_by_cells() -> None:
    recent = Recent()
    for number in range(KEPT + 20):
        recent.add(slot(number))
    assert [each.slot for each in recent] == list(range(20, KEPT + 20))
    for number in range(KEPT + 20, KEPT + 60):
        recent.add(slot(number, MOST_CELLS // 20))
    assert len(list(recent)) == 20
    for number in range(KEPT + 60, KEPT + 80):
        recent.add(slot(number, MOST_CELLS))
    assert len(list(recent)) == FEW


def test_a_slot_is_found_and_replaced_if_it_is_kept() -> None:
    recent = Recent()
    for number in (3, 4, 6):
        recent.add(slot(number))
    other = slot(4, 2)
    recent.replace(other)
    recent.replace(slot(5))
    assert recent.at(4) is other
    assert recent.at(5) is None
    assert [each.slot for each in recent.since(4)] == [4, 6]
    recent.clear()
    assert list(recent) == []
