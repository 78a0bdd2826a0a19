"""Ends of certificates: told when they change, and all of them once a minute."""

from __future__ import annotations

from coalmine_agent.expiry_watch import TELL_EVERY_SLOTS, ExpiryWatch


def test_changes_at_once_and_everything_each_minute() -> None:
    watch = ExpiryWatch()
    assert watch.due(1, 100, {0: 5, 2: 6}) == [(0, 5), (2, 6)]
    assert watch.due(1, 101, {0: 5, 2: 6}) == []
    assert watch.due(1, 102, {0: 7, 2: 6}) == [(0, 7)]
    assert watch.due(1, 100 + TELL_EVERY_SLOTS, {0: 7, 2: 6}) == [(0, 7), (2, 6)]


def test_a_new_revision_numbers_its_endpoints_anew() -> None:
    watch = ExpiryWatch()
    watch.due(1, 100, {0: 5})
    assert watch.due(2, 101, {0: 5}) == [(0, 5)]
    assert watch.due(1, 101, {0: 9}) == []  # a late slot of the old one


def test_a_clock_set_back_delays_nothing() -> None:
    watch = ExpiryWatch()
    watch.due(1, 100_000, {0: 5})
    assert watch.due(1, 90_000, {0: 5}) == [(0, 5)]
    assert watch.due(1, 90_001, {0: 5}) == []
    assert watch.due(1, 90_000 + TELL_EVERY_SLOTS, {0: 5}) == [(0, 5)]
