"""The numbers of a week."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from coalmine_aggregator.model.alerts import AlertClass, Severity
from coalmine_aggregator.paging.review import Numbers, Rule, Spread, review, week_of
from tests.aggregator.paging.alerts import NOW, alert

WEEK = (NOW, NOW + 7 * 86_400)


def test_pages_are_counted_together_and_by_rule() -> None:
    alerts = [
        alert(1)._replace(acknowledged_at=NOW + 70, closed_at=NOW + 600, actionable=True),
        alert(2)._replace(acknowledged_at=NOW + 130, closed_at=NOW + 300, actionable=False),
        alert(3)._replace(acknowledged_at=NOW + 40),
        alert(4, AlertClass.BLIND),
        alert(5, AlertClass.BLIND, Severity.TICKET),
        alert(6, opened_at=NOW - 1),
        alert(7, opened_at=WEEK[1]),
        alert(8),  # a silence held it until it was over
    ]
    told = dict.fromkeys((1, 2, 3, 4, 5, 6, 7), NOW + 10)
    total, rules = review(alerts, told, *WEEK)
    assert total == Numbers(4, 1, 3, Spread(60, 120), 2, Spread(450, 600), 2, 1)
    assert total.actionable_share == 0.5
    assert rules == (
        (Rule("ingest", AlertClass.LOSS), total._replace(pages=3)),
        (Rule("ingest", AlertClass.BLIND), Numbers(1, 0, 0, None, 0, None, 0, 0)),
    )


def test_a_week_without_pages_has_no_times_and_no_share() -> None:
    total, rules = review([], {}, *WEEK)
    assert total == Numbers(0, 0, 0, None, 0, None, 0, 0)
    assert total.actionable_share is None
    assert rules == ()


def test_nine_in_ten_are_not_above_the_ninetieth_percentile() -> None:
    alerts = [alert(n)._replace(closed_at=NOW + n) for n in range(1, 21)]
    total, _ = review(alerts, {each.number: NOW for each in alerts}, *WEEK)
    assert total.to_resolve == Spread(10.5, 18)


def test_a_clock_that_was_set_back_makes_no_time_negative() -> None:
    early = alert(1)._replace(acknowledged_at=NOW - 5, closed_at=NOW - 3)
    total, _ = review([early], {1: NOW}, *WEEK)
    assert (total.to_acknowledge, total.to_resolve) == (Spread(0, 0), Spread(0, 0))


def test_a_week_is_from_monday_to_monday_by_local_clocks() -> None:
    def utc(text: str) -> float:
        return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()

    dublin = ZoneInfo("Europe/Dublin")
    for t in ("2026-03-23 00:00", "2026-03-29 22:59:59"):
        assert week_of(utc(t), dublin) == (utc("2026-03-23 00:00"), utc("2026-03-29 23:00"))
    assert week_of(utc("2026-03-29 23:00"), dublin)[0] == utc("2026-03-29 23:00")
