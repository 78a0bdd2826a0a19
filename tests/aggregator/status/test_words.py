"""Sentences that nobody wrote."""

from __future__ import annotations

import pytest

from coalmine_aggregator.status.words import Part, listed, lost
from tests.aggregator.status.cases import NOW

AT = int(NOW)  # 2026-11-28 03:12:00 UTC


@pytest.mark.parametrize(
    ("names", "text"),
    [
        ([], ""),
        (["A"], "A"),
        (["A", "B"], "A and B"),
        (["A", "B", "C"], "A, B and C"),
        (["A", "B", "C", "D"], "A, B, C and 1 more"),
    ],
)
def test_names_are_listed(names: list[str], text: str) -> None:
    assert listed(names, 3) == text


@pytest.mark.parametrize(
    ("bad", "judged", "share"),
    [
        (4_512, 25_066, "18 %"),
        (1, 10_000_000, "0.00001 %"),
        (9_999_999, 10_000_000, "99.9 %"),
        (7, 7, "100 %"),
    ],
)
def test_a_share_is_never_all_or_nothing_where_it_is_not(bad: int, judged: int, share: str) -> None:
    assert lost([Part("UDP", bad, judged, True)], AT, AT + 1_680) == (
        f"{share} of the datapoints that measure UDP were lost on 28 November 2026 between 03:12 and "
        f"03:40 UTC: {bad:,} of {judged:,}."
    )


def test_over_midnight_both_days_are_told() -> None:
    said = lost([Part("UDP", 1, 2, False)], AT - 4 * 3_600, AT)
    assert said == (
        "50 % of the datapoints that measure the affected part of UDP were lost between 27 November "
        "2026, 23:12, and 28 November 2026, 03:12 UTC: 1 of 2."
    )
