"""Blind: half of a service unknown for ten seconds."""

from __future__ import annotations

import numpy as np

from coalmine_aggregator.judge.blind import CLEAR_S, GRACE_S, LASTS_S, BlindWatch
from coalmine_aggregator.model.fates import Fate


def fates(unknown: int, of: int = 10) -> np.ndarray:
    return np.array([Fate.UNKNOWN] * unknown + [Fate.DELIVERED] * (of - unknown), dtype=np.uint8)


def run(watch: BlindWatch, first: int, unknown: list[int]) -> list[int]:
    """How many findings there were after each slot."""
    found = []
    for offset, count in enumerate(unknown):
        watch.settle(first + offset, fates(count), 0)
        found.append(len(watch.findings()))
    return found


def test_half_unknown_for_ten_slots_is_blind_until_it_is_clear() -> None:
    watch = BlindWatch("ingest", 0)
    told = run(watch, GRACE_S, [5] * LASTS_S + [0] * CLEAR_S)
    assert told == [0] * (LASTS_S - 1) + [1] * CLEAR_S + [0]


def test_less_than_half_or_not_for_long_is_not() -> None:
    watch = BlindWatch("ingest", 0)
    assert not any(run(watch, GRACE_S, [4] * 30))
    assert not any(run(watch, GRACE_S + 30, ([10] * (LASTS_S - 1) + [0]) * 3))


def test_nothing_is_said_in_the_first_minute_nor_after_a_pause() -> None:
    watch = BlindWatch("ingest", 0)
    assert not any(run(watch, 0, [10] * GRACE_S))
    watch.pause(GRACE_S)
    assert not any(run(watch, GRACE_S, [10] * GRACE_S))
    assert run(watch, 2 * GRACE_S, [10] * LASTS_S)[-1] == 1


def test_nothing_expected_is_not_blind() -> None:
    watch = BlindWatch("ingest", 0)
    for slot in range(GRACE_S, GRACE_S + 30):
        watch.settle(slot, np.zeros(0, dtype=np.uint8), 0)
    assert watch.findings() == []
