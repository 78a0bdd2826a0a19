"""When to try again.

Invariant: a delay lies between half of and all of its step, the step never falls and is bounded.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coalmine_aggregator.notify.backoff import LONGEST_ASKED_S, LONGEST_S, delay_s, retry_after_s

NOW = 1_763_000_000.0  # Thu, 13 Nov 2025 02:13:20 GMT


@given(st.integers(1, 10_000), st.floats(0, 1, exclude_max=True))
def test_delays_double_to_a_bound(attempts: int, jitter: float) -> None:
    longest = delay_s(attempts, 0.0)
    assert longest == min(LONGEST_S, 2.0 ** min(attempts - 1, 16))
    assert longest / 2 <= delay_s(attempts, jitter) <= longest


def test_what_the_server_asks_is_a_floor_within_reason() -> None:
    assert delay_s(1, 0.5, asked_s=30.0) == 30.0
    assert delay_s(10, 0.0, asked_s=3.0) == LONGEST_S
    assert delay_s(1, 0.0, asked_s=10**9) == LONGEST_ASKED_S


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("3", 3.0),
        (" 120 ", 120.0),
        ("Thu, 13 Nov 2025 02:13:50 GMT", 30.0),
        ("Thu, 13 Nov 2025 02:10:00 GMT", 0.0),
        ("9" * 400, LONGEST_ASKED_S),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("٣", None),
        ("", None),
        ("nan", None),
        ("inf", None),
        ("1e3", None),
        ("9" * 5000, LONGEST_ASKED_S),
        ("Thu, 13 Nov 2025 02:13:50", 30.0),  # naive: taken for UTC
        ("Thu, 13 Nov 2025 02:13:50 -0000", 30.0),
        ("Thu, 13 Nov 2025 04:13:50 +0200", 30.0),
        ("Thu, 13 Nov 2025 02:13:50 +2400", None),
        ("Mon, 01 Jan 2024 00:00:00 +99999999999999999999", None),
        ("Mon, 01 Jan 99999999999999999999 00:00:00 GMT", None),
        (f"Mon, 01 Jan 2024 00:00:00 +{'9' * 5000}", 0.0),  # an offset that is none
        ("Mon, 01 Jan 0100 00:00:00 +2359", 0.0),
        ("Mon, 99 Jan 2024 00:00:00 GMT", None),
    ],
)
def test_retry_after(header: str | None, seconds: float | None) -> None:
    assert retry_after_s(header, NOW) == seconds


NUMBERS = st.one_of(
    st.integers(-(10**24), 10**24).map(str),
    st.integers(0, 99).map("{:02d}".format),
    st.sampled_from(("nan", "inf", "", "-", "9999", "\u0663")),
)
DATES = st.builds(
    "{}{} {} {} {}:{}:{} {}{}".format,
    st.sampled_from(("Mon, ", "Mon ", "")),
    NUMBERS,
    st.sampled_from(("Jan", "feb", "December", "13")),
    NUMBERS,
    NUMBERS,
    NUMBERS,
    NUMBERS,
    st.sampled_from(("+", "-", "", "GMT")),
    NUMBERS,
)


@given(st.text(max_size=60) | NUMBERS | DATES)
def test_no_header_breaks_it(header: str) -> None:
    asked_s = retry_after_s(header, NOW)
    assert asked_s is None or asked_s >= 0
