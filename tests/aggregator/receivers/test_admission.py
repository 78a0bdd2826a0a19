"""Who gets in. Invariant: what was let in and has left again leaves no trace."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coalmine_aggregator.receivers import admission
from coalmine_aggregator.receivers.admission import Admission
from coalmine_aggregator.receivers.limits import ReceiverLimits
from coalmine_aggregator.receivers.reasons import Reason

NETWORKS = tuple(map(ipaddress.ip_network, ("10.0.0.0/8", "192.0.2.7/32", "2001:db8::/32")))


@pytest.mark.parametrize(
    ("address", "allowed"),
    [
        ("10.255.0.1", True),
        ("11.0.0.1", False),
        ("192.0.2.7", True),
        ("192.0.2.8", False),
        ("2001:db8::1", True),
        ("2001:db9::1", False),
        ("::ffff:10.1.2.3", True),  # IPv4 on a socket for both
        ("::ffff:11.1.2.3", False),
        ("fe80::1%eth0", False),
        ("2001:db8::1%eth0", True),
    ],
)
def test_addresses_and_networks(address: str, allowed: bool) -> None:
    door = Admission(NETWORKS, ReceiverLimits())
    for _ in range(2):  # looked up, then remembered
        assert door.allows(address) is allowed
        assert door.refuses(address) is (None if allowed else Reason.NOT_ALLOWED)
    assert Admission((), ReceiverLimits()).allows(address)


def test_answers_are_remembered_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission, "_REMEMBERED", 10)
    door = Admission(NETWORKS, ReceiverLimits())
    for last in range(100):
        assert door.allows(f"10.0.0.{last}")
        assert len(door._answers) <= 10


@given(st.lists(st.tuples(st.booleans(), st.sampled_from(["a", "b", "c"])), max_size=60))
def test_limits_hold_at_any_time(steps: list[tuple[bool, str]]) -> None:
    door = Admission((), ReceiverLimits(connections=4, connections_per_address=2))
    inside: list[str] = []
    for comes, address in steps:
        if comes:
            reason = door.refuses(address)
            if len(inside) >= 4:
                assert reason is Reason.TOO_MANY_CONNECTIONS
            elif inside.count(address) >= 2:
                assert reason is Reason.TOO_MANY_FROM_ADDRESS
            else:
                assert reason is None
                door.enter(address)
                inside.append(address)
        elif address in inside:
            door.release(address)
            inside.remove(address)
        assert door.connections == len(inside)
    for address in inside:
        door.release(address)
    assert door.connections == 0
    assert not door._open
