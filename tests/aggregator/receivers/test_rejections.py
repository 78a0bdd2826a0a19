"""Counting refusals. Invariant: each is counted at once, and logged at most once a minute a reason."""

from __future__ import annotations

import logging

import pytest

from coalmine_aggregator.receivers.reasons import Reason
from coalmine_aggregator.receivers.rejections import LOG_EVERY_S, Rejections


def test_a_flood_is_counted_in_full_and_told_in_few_lines(caplog: pytest.LogCaptureFixture) -> None:
    told: list[tuple[int, Reason, int]] = []
    rejections = Rejections(4, "udp", lambda *rejected: told.append(rejected))
    with caplog.at_level(logging.WARNING):
        for second in range(150):
            for _ in range(10):
                rejections.count(Reason.MALFORMED, 2, "192.0.2.1")
            rejections.tell(1000.0 + second)
        rejections.count_all({Reason.PAST: 3})
        rejections.tell(1150.0)
        rejections.tell(1000.0 + 3 * LOG_EVERY_S)
    assert sum(count for *_, count in told) == 150 * 20 + 3
    assert rejections.totals == {Reason.MALFORMED: 3000, Reason.PAST: 3}
    lines = [record.__dict__["fields"] for record in caplog.records]
    assert [line["reason"] for line in lines].count("malformed") == 4
    assert sum(line["count"] for line in lines) == 3003
    assert lines[0]["detail"] == "192.0.2.1"
    assert {line["receiver"] for line in lines} == {"udp"}
