"""Receipt sources that lost a connection which they usually hold."""

from __future__ import annotations

import pytest

from coalmine_aggregator.judge.fault import Sources
from coalmine_aggregator.judge.links import ENOUGH, Links


def test_a_source_that_holds_its_connection_is_silent_without_it() -> None:
    links = Links(("tcp", "udp"))
    for _ in range(ENOUGH):
        links.look([1, 0])
    assert links.sources() == Sources(("tcp", "udp"), ())
    links.look([0, 0])
    assert links.sources().silent == ("tcp",)  # udp never had any
    links.look([2, 0])
    assert links.sources().silent == ()


def test_nothing_is_said_of_a_source_before_it_was_watched_for_long() -> None:
    links = Links(("tcp",))
    for _ in range(ENOUGH - 2):
        links.look([1])
    links.look([0])
    assert links.sources().silent == ()


@pytest.mark.parametrize("gap", [2, 5, 10])
def test_short_connections_are_never_missed(gap: int) -> None:
    links = Links(("https",))
    for look in range(500):
        links.look([0 if look % gap == 0 else 1])
        assert links.sources().silent == ()


def test_a_source_that_is_gone_for_long_is_no_longer_waited_for() -> None:
    links = Links(("tcp",))
    for _ in range(200):
        links.look([1])
    told = 0
    for _ in range(200):
        links.look([0])
        told += bool(links.sources().silent)
    assert 5 <= told < 20  # until it had none at a twentieth of all looks


def test_fewer_or_more_numbers_than_sources_break_nothing() -> None:
    links = Links(("tcp", "udp"))
    links.look([])
    links.look([1])
    links.look([1, 1, 1])
    assert links.sources() == Sources(("tcp", "udp"), ())
    assert Links(()).sources() == Sources((), ())
