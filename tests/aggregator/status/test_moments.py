"""Times name their zone by its distance from UTC, and never fail."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coalmine_aggregator.status.moments import Moments, iso

AT = datetime(2026, 7, 8, 12, 3, 4, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("zone", "text"),
    [
        ("Etc/UTC", "8 July 2026, 12:03:04 UTC"),
        ("Europe/Dublin", "8 July 2026, 13:03:04 UTC+1"),
        ("Asia/Kolkata", "8 July 2026, 17:33:04 UTC+5:30"),
        ("America/New_York", "8 July 2026, 08:03:04 UTC−4"),
        ("Pacific/Auckland", "9 July 2026, 00:03:04 UTC+12"),
        ("No/Such", "8 July 2026, 12:03:04 UTC"),
        ("", "8 July 2026, 12:03:04 UTC"),
        ("../etc/passwd", "8 July 2026, 12:03:04 UTC"),
    ],
)
def test_zones(zone: str, text: str) -> None:
    told = Moments(zone).second(AT)
    assert told == f'<time datetime="2026-07-08T12:03:04Z" data-form="second">{text}</time>'


def test_days_begin_at_midnight_of_the_zone() -> None:
    moments = Moments("Europe/Dublin")
    # The clocks went back on this day: it had 25 hours.
    began, ended = moments.midnight(date(2026, 10, 25)), moments.midnight(date(2026, 10, 26))
    assert ended - began == 25 * 3_600
    assert moments.day(began) == date(2026, 10, 25)
    assert moments.day(ended - 1) == date(2026, 10, 25)
    assert moments.day(ended) == date(2026, 10, 26)


@given(st.floats(allow_nan=False), st.sampled_from(["Etc/UTC", "Pacific/Kiritimati", "America/Adak"]))
def test_any_moment_can_be_told(at: float, zone: str) -> None:
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", iso(at))
    for told in (Moments(zone).clock(at), Moments(zone).moment(at), Moments(zone).second(at)):
        assert iso(at) in told
