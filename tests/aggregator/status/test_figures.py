"""No figure makes a loss look like none, or smaller than it was."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coalmine_aggregator.status.figures import counted, lasted, lost, share_delivered


@given(
    st.integers(1, 10**11).flatmap(lambda judged: st.tuples(st.integers(0, judged), st.just(judged)))
)
def test_a_share_never_hides_or_shrinks_a_loss(counts: tuple[int, int]) -> None:
    bad, judged = counts
    text = share_delivered(bad, judged)
    number = text.removesuffix(" %")
    assert text != number
    told, real = Fraction(number), Fraction(100 * (judged - bad), judged)
    assert told <= real
    assert (told == 100) == (bad == 0)
    # What is told of the loss is right to two digits, or to the tenth of a billionth.
    assert real - told <= max(Fraction(100 - real) / 10, Fraction(1, 10**10))


@pytest.mark.parametrize(
    ("bad", "judged", "text"),
    [
        (0, 7_776_000, "100 %"),
        (1, 10_000_000, "99.999990 %"),
        (12, 86_400, "99.986 %"),
        (864, 86_400, "99.00 %"),
        (86_400, 86_400, "0.00 %"),
        (1, 3, "66.66 %"),
    ],
)
def test_shares(bad: int, judged: int, text: str) -> None:
    assert share_delivered(bad, judged) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-3, "0 seconds"),
        (0, "0 seconds"),
        (1, "1 second"),
        (59, "59 seconds"),
        (60, "1 minute"),
        (1_460, "24 minutes 20 seconds"),
        (3_600, "1 hour"),
        (3_605, "1 hour"),
        (7_260, "2 hours 1 minute"),
        (90_000, "1 day 1 hour"),
    ],
)
def test_lengths_of_time(seconds: float, text: str) -> None:
    assert lasted(seconds) == text


def test_counts() -> None:
    assert lost(0, 86_400) == "none of 86,400 lost"
    assert lost(12, 86_400, "datapoints") == "12 of 86,400 datapoints lost"
    assert counted(1, "update") == "1 update"
    assert counted(2_000, "update") == "2,000 updates"
