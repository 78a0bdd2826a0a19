"""Where time axes have their ticks, asked of the page's own module, by the calendars of many zones."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

import coalmine_aggregator.web
from tests.browser.chromium import Tab

SOURCE = Path(coalmine_aggregator.web.__file__).parent / "static" / "js" / "tick_times.js"
DAY_S, HOUR_S = 86_400, 3600

# What a clock is ahead of UTC, as [from, seconds], is the test's to say, not the browser's.
ASK = """([source, first, end, every, offsets]) => import(source).then(({ tickTimes }) =>
    tickTimes(first, end, every, (at) => offsets.findLast(([from]) => from <= at)[1]))"""

ZONES = [
    "UTC",
    "America/New_York",
    "America/Santiago",  # leaps from 24:00 to 01:00
    "America/Havana",  # has midnight twice
    "Asia/Kolkata",
    "Australia/Lord_Howe",  # is set by half an hour
    "Pacific/Kiritimati",
]


async def ticks(tab: Tab, first: int, end: int, every: int, zone: ZoneInfo) -> list[int]:
    offsets: list[list[int]] = []
    for at in range((first - 8 * DAY_S) // 1800 * 1800, end + 8 * DAY_S, 1800):
        ahead = ahead_s(at, zone)
        if not offsets or offsets[-1][1] != ahead:
            offsets.append([at, ahead])
    source = f"data:text/javascript;base64,{base64.b64encode(SOURCE.read_bytes()).decode()}"
    found: list[int] = await tab.page.evaluate(ASK, [source, first, end, every, offsets])
    return found


def ahead_s(at: int, zone: ZoneInfo) -> int:
    return int((datetime.fromtimestamp(at, zone).utcoffset() or timedelta()).total_seconds())


def days(first: int, end: int, zone: ZoneInfo) -> list[int]:
    """The first moments of days, looked for one by one."""
    quarters = range(-(-first // 900) * 900, end, 900)
    date = {at: datetime.fromtimestamp(at, zone).date() for at in (quarters[0] - 900, *quarters)}
    return [at for at in quarters if date[at] != date[at - 900]]


@pytest.mark.parametrize("month", [2, 3, 9, 10])
async def test_days_begin_when_that_clock_says_so(tab: Tab, month: int) -> None:
    first = int(datetime(2026, month, 3, 14, 7, 11, tzinfo=UTC).timestamp())
    end = first + 62 * DAY_S
    for name in ZONES:
        zone = ZoneInfo(name)
        all_days = days(first, end, zone)
        assert await ticks(tab, first, end, DAY_S, zone) == all_days, name
        some = await ticks(tab, first, end, 5 * DAY_S, zone)
        assert set(some) <= set(all_days), name
        assert [all_days.index(at) % 5 for at in some] == [all_days.index(some[0])] * len(some), name
        assert len(some) in (12, 13)


async def test_parts_of_a_day_are_those_of_its_clock(tab: Tab) -> None:
    """The 8th of March has 23 hours in New York, the 1st of November 25."""
    zone = ZoneInfo("America/New_York")
    for day in (datetime(2026, 3, 8, tzinfo=zone), datetime(2026, 11, 1, tzinfo=zone)):
        first = int(day.timestamp())
        end = int((day + timedelta(days=1)).timestamp())
        found = await ticks(tab, first, end, 6 * HOUR_S, zone)
        assert [datetime.fromtimestamp(at, zone).hour for at in found] == [0, 6, 12, 18]
        # By the hour and finer no hour is left out that there is, however often it is.
        for every in (HOUR_S, 900):
            assert await ticks(tab, first, end, every, zone) == list(range(first, end, every))
    # Where a clock is half an hour off, so are ticks. The end is none of them, the first may be.
    kolkata = ZoneInfo("Asia/Kolkata")
    begin = int(datetime(2026, 3, 8, 12, tzinfo=kolkata).timestamp())
    assert await ticks(tab, begin, begin + 2 * HOUR_S, HOUR_S, kolkata) == [begin, begin + HOUR_S]
    assert await ticks(tab, begin + 1, begin + HOUR_S, HOUR_S, kolkata) == []
