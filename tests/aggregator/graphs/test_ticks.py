"""Lines of axes are few, inside, and called what they are."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coalmine_aggregator.graphs.ticks import time_ticks, value_ticks

NOON = 1_790_078_400  # 2026-09-22 12:00:00 UTC


@given(st.integers(0, 4_000_000_000), st.integers(0, 4_000_000), st.integers(3, 12))
def test_time_ticks_lie_inside(first: int, length: int, most: int) -> None:
    ticks = time_ticks(first, first + length, most)
    assert len(ticks) <= most + 1
    assert all(first <= tick.at <= first + length for tick in ticks)
    assert not ticks or len(ticks[0].label) >= len("2026-09-22")


@pytest.mark.parametrize(
    ("first", "length", "labels"),
    [
        (NOON, 3, ["2026-09-22 12:00:00", "12:00:01", "12:00:02", "12:00:03"]),
        (NOON - 60, 300, ["2026-09-22 11:59", "12:00", "12:01", "12:02", "12:03", "12:04"]),
        (NOON + 42_600, 900, ["2026-09-22 23:50", "23:55", "2026-09-23 00:00", "00:05"]),
        (NOON, 172_800, ["2026-09-22 12:00", "2026-09-23 00:00", "12:00", "2026-09-24 00:00", "12:00"]),
    ],
)
def test_each_day_is_named_once(first: int, length: int, labels: list[str]) -> None:
    assert [tick.label for tick in time_ticks(first, first + length, 7)] == labels


@given(st.floats(1e-9, 1e12), st.integers(2, 8))
def test_value_ticks_reach_over_all(largest: float, most: int) -> None:
    ticks = value_ticks(largest, most)
    assert 2 <= len(ticks) <= most + 1
    assert ticks[0].at == 0
    assert ticks[-1].at >= largest * (1 - 1e-6)
    assert len({tick.label for tick in ticks}) == len(ticks)


@pytest.mark.parametrize(
    ("largest", "labels"),
    [
        (0.0, ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
        (math.inf, ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
        (100.0, ["0", "20", "40", "60", "80", "100"]),
        (4_321.0, ["0", "1,000", "2,000", "3,000", "4,000", "5,000"]),
    ],
)
def test_values_are_round(largest: float, labels: list[str]) -> None:
    assert [tick.label for tick in value_ticks(largest)] == labels
