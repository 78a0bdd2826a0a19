"""Thresholds: from the pages that are accepted to nats."""

from __future__ import annotations

import math

import pytest

from coalmine_aggregator.detect.thresholds import LOWEST, threshold


def test_one_false_page_a_year_over_a_thousand_patterns() -> None:
    assert threshold(1000, 1.0) == pytest.approx(math.log(365.25 * 86_400 * 1000 * 5))
    assert 25.7 < threshold(1000, 1.0) < 25.9


def test_fewer_pages_more_patterns_and_more_services_take_more_evidence() -> None:
    plain = threshold(1000, 1.0)
    assert threshold(1000, 0.1) == pytest.approx(plain + math.log(10))
    assert threshold(20_000, 1.0) == pytest.approx(plain + math.log(20))
    assert threshold(1000, 1.0, services=7) == pytest.approx(plain + math.log(7))


def test_no_patterns_count_as_one_and_no_budget_lets_single_slots_decide() -> None:
    assert threshold(0, 1.0) == threshold(1, 1.0)
    assert threshold(1, 1e12) == LOWEST


@pytest.mark.parametrize("budget", [0.0, -1.0, math.inf, math.nan])
def test_an_impossible_budget_is_refused(budget: float) -> None:
    with pytest.raises(ValueError, match="false pages"):
        threshold(10, budget)


def test_impossible_counts_are_refused() -> None:
    with pytest.raises(ValueError, match="no threshold"):
        threshold(-1, 1.0)
    with pytest.raises(ValueError, match="no threshold"):
        threshold(1, 1.0, services=0)
