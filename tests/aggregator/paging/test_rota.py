"""Who is on call, week by week."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coalmine_aggregator.paging.rota import Override, Rota

DUBLIN = ZoneInfo("Europe/Dublin")
NEW_YORK = ZoneInfo("America/New_York")
WEEKLY = Rota(("anna", "ben", "cem"), DUBLIN, date(2026, 3, 17))  # a tuesday


def utc(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("at", "who"),
    [
        ("2026-03-17 09:59:59", "cem"),  # before its beginning it goes on in the same order
        ("2026-03-17 10:00:00", "anna"),
        ("2026-03-24 09:59:59", "anna"),
        ("2026-03-24 10:00:00", "ben"),
        ("2026-03-31 08:59:59", "ben"),  # summer time since the 29th: 10:00 is 09:00 UTC
        ("2026-03-31 09:00:00", "cem"),
        ("2026-04-07 09:00:00", "anna"),
    ],
)
def test_turns_are_handed_over_on_tuesday_at_ten_by_local_clocks(at: str, who: str) -> None:
    assert WEEKLY.on_call(utc(at)) == who


def test_a_rota_that_begins_between_handovers_begins_with_the_week_of_that_day() -> None:
    rota = WEEKLY._replace(starts=date(2026, 3, 20))  # a friday
    assert rota.on_call(utc("2026-03-17 10:00")) == "anna"
    assert rota.on_call(utc("2026-03-24 10:00")) == "ben"


def test_a_handover_that_the_clocks_skip_is_an_hour_later_by_them() -> None:
    rota = Rota(("anna", "ben"), NEW_YORK, date(2026, 3, 1), weekday=6, at=time(2, 30))
    assert rota.on_call(utc("2026-03-08 07:29:59")) == "anna"
    assert rota.on_call(utc("2026-03-08 07:30:00")) == "ben"  # clocks show 03:30


def test_a_handover_that_the_clocks_show_twice_is_the_first() -> None:
    rota = Rota(("anna", "ben"), NEW_YORK, date(2026, 10, 25), weekday=6, at=time(1, 30))
    assert rota.on_call(utc("2026-11-01 05:29:59")) == "anna"
    assert rota.on_call(utc("2026-11-01 05:30:00")) == "ben"  # the first 01:30
    assert rota.on_call(utc("2026-11-01 06:15:00")) == "ben"  # 01:15 again


def test_clocks_that_go_back_over_midnight_undo_no_handover() -> None:
    # In Newfoundland they went from 00:01 back to 23:01 of the day before.
    rota = Rota(("anna", "ben"), ZoneInfo("America/St_Johns"), date(2010, 10, 31), 6, time(0))
    assert rota.on_call(utc("2010-11-07 02:29:59")) == "anna"
    assert rota.on_call(utc("2010-11-07 02:30:00")) == "ben"
    assert rota.on_call(utc("2010-11-07 02:45:00")) == "ben"  # saturday 23:15 again


def test_an_override_takes_over_whoever_has_the_week_also_over_a_handover() -> None:
    override = Override("cem", datetime(2026, 3, 24, 8), datetime(2026, 3, 24, 12))  # noqa: DTZ001
    rota = WEEKLY._replace(overrides=(override,))
    assert rota.on_call(utc("2026-03-24 07:59")) == "anna"
    assert rota.on_call(utc("2026-03-24 08:00")) == "cem"
    assert rota.on_call(utc("2026-03-24 11:59")) == "cem"
    assert rota.on_call(utc("2026-03-24 12:00")) == "ben"


def test_overrides_are_by_local_clocks_and_the_last_that_is_listed_counts() -> None:
    first = Override("dora", datetime(2026, 7, 1, 9), datetime(2026, 7, 1, 17))  # noqa: DTZ001
    later = Override("ben", datetime(2026, 7, 1, 12), datetime(2026, 7, 1, 13))  # noqa: DTZ001
    rota = WEEKLY._replace(overrides=(first, later))
    assert rota.on_call(utc("2026-07-01 08:00")) == "dora"  # 09:00 of summer
    assert rota.on_call(utc("2026-07-01 11:30")) == "ben"
    assert rota.on_call(utc("2026-07-01 12:30")) == "dora"
    assert rota.members == {"anna", "ben", "cem", "dora"}


def test_the_next_change_is_a_handover_or_an_end_of_an_override() -> None:
    override = Override("cem", datetime(2026, 3, 24, 8), datetime(2026, 3, 24, 12))  # noqa: DTZ001
    rota = WEEKLY._replace(overrides=(override,))
    changes = [utc("2026-03-23 00:00")]
    for _ in range(4):
        changes.append(rota.next_change(changes[-1]))
    assert changes[1:] == [
        utc("2026-03-24 08:00"),
        utc("2026-03-24 10:00"),
        utc("2026-03-24 12:00"),
        utc("2026-03-31 09:00"),
    ]


@pytest.mark.parametrize(
    ("rota", "error"),
    [
        (WEEKLY._replace(people=()), "people: is empty"),
        (WEEKLY._replace(weekday=7), "day: "),
        (
            WEEKLY._replace(
                overrides=(Override("ben", datetime(2026, 7, 1, 9), datetime(2026, 7, 1, 9)),)  # noqa: DTZ001
            ),
            r"overrides\[0\]\.until: is not after from",
        ),
        (
            WEEKLY._replace(
                overrides=(
                    Override(
                        "ben", datetime(2026, 7, 1, 9, tzinfo=UTC), datetime(2026, 7, 2, tzinfo=UTC)
                    ),
                )
            ),
            r"overrides\[0\]: ",
        ),
        (
            WEEKLY._replace(
                overrides=(Override("ben", datetime(2026, 7, 1), datetime(2026, 7, 2)),) * 1_001  # noqa: DTZ001
            ),
            "overrides: more than 1000",
        ),
    ],
)
def test_what_cannot_be_is_told_with_its_place(rota: Rota, error: str) -> None:
    with pytest.raises(ValueError, match=f"^{error}"):
        rota.check()


@given(
    st.integers(1, 5),
    st.sampled_from(["Europe/Dublin", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia"]),
    st.integers(0, 6),
    st.times().map(lambda at: at.replace(second=0, microsecond=0)),
    st.dates(date(2009, 1, 1), date(2027, 1, 1)),
)
def test_every_turn_is_a_week_of_local_days_and_turns_go_round(
    size: int, zone: str, weekday: int, at: time, starts: date
) -> None:
    """From one handover to the next there is one person on call, for seven days by the calendar; then
    the next one in the list."""
    people = tuple(f"p{n}" for n in range(size))
    rota = Rota(people, ZoneInfo(zone), starts, weekday, at)
    t = datetime.combine(starts, at, ZoneInfo(zone)).timestamp()
    for _ in range(60):
        until = rota.next_change(t)
        now, then = rota.on_call(t), rota.on_call(until)
        assert rota.on_call((t + until) / 2) == now == rota.on_call(until - 0.001)
        assert then == people[(people.index(now) + 1) % size]
        days = timedelta(seconds=until - t)
        assert days <= timedelta(days=7, hours=24)  # once, Samoa left out a day
        t = until
