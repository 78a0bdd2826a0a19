"""Failures by address: so many at once, and more as time goes by, within a bound of memory."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coalmine_aggregator.access.throttle import Throttle


def test_so_many_at_once_and_more_as_time_goes_by() -> None:
    throttle = Throttle(3, 30.0)
    for _ in range(3):
        assert throttle.wait_s("10.0.0.1", 100.0) == 0
        throttle.failed("10.0.0.1", 100.0)
    assert throttle.wait_s("10.0.0.1", 100.0) == 10.0
    assert throttle.wait_s("10.0.0.2", 100.0) == 0, "others are not held up"
    assert throttle.wait_s("10.0.0.1", 106.0) == pytest.approx(4.0)
    assert throttle.wait_s("10.0.0.1", 110.0) == 0
    throttle.failed("10.0.0.1", 110.0)
    assert throttle.wait_s("10.0.0.1", 110.0) == 10.0


def test_a_network_of_one_customer_counts_as_one() -> None:
    throttle = Throttle(1, 10.0)
    throttle.failed("2001:db8::1", 0.0)
    assert throttle.wait_s("2001:db8::ffff", 0.0) > 0
    assert throttle.wait_s("2001:db8:0:1::1", 0.0) == 0
    throttle.failed("::ffff:10.0.0.1", 0.0)
    assert throttle.wait_s("10.0.0.1", 0.0) > 0
    throttle.failed("not an address", 0.0)
    assert throttle.wait_s("not an address", 0.0) > 0


def test_memory_is_bounded_and_keeps_those_that_failed_last() -> None:
    throttle = Throttle(1, 10.0, addresses=3)
    for i in (1, 2, 3, 1, 4):
        throttle.failed(f"10.0.0.{i}", 0.0)
    assert len(throttle) == 3
    assert throttle.wait_s("10.0.0.2", 0.0) == 0
    assert throttle.wait_s("10.0.0.1", 0.0) > 0


# Whatever the order of tries, no window of `window_s` holds more than twice `most` failures.
@given(st.lists(st.floats(0, 5), max_size=200))
def test_no_window_holds_more_than_twice_the_bound(gaps: list[float]) -> None:
    throttle, now, failures = Throttle(5, 20.0), 0.0, []
    for gap in gaps:
        now += gap
        if throttle.wait_s("a", now) == 0:
            throttle.failed("a", now)
            failures.append(now)
    for start in failures:
        assert sum(start <= each < start + 20.0 for each in failures) <= 10
