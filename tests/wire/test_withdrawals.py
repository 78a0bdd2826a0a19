"""Withdrawals on the wire. Invariants: what was encoded is decoded as it was; anything else is refused
with one kind of error."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coalmine_wire.withdrawals import (
    MAX_LEASE_S,
    MAX_NODES,
    Phase,
    Withdrawals,
    WithdrawalsError,
    Withdrawn,
    Word,
    decode,
    encode,
)

_names = st.text("abcdefghijklmnopqrstuvwxyz0123456789_-", min_size=1, max_size=60)
_times = st.floats(0, 4e9)
_nodes = st.builds(Withdrawn, node=_names, phase=st.sampled_from(Phase), since=_times)

STATE = Withdrawals(
    service="ingest",
    sender="a-1",
    serial=7,
    at=1_700_000_000.0,
    lease_s=20.0,
    mode=Word.ACTING,
    nodes=(Withdrawn("web-3", Phase.DRAIN, 1_700_000_000.0),),
)


@given(
    st.builds(
        Withdrawals,
        service=_names,
        sender=_names,
        serial=st.integers(0, 1 << 60),
        at=_times,
        lease_s=st.floats(1, MAX_LEASE_S),
        mode=st.sampled_from(Word),
        nodes=st.lists(_nodes, max_size=5).map(tuple),
    )
)
def test_what_was_encoded_comes_back(state: Withdrawals) -> None:
    assert decode(encode(state)) == state


@given(st.binary(max_size=200))
def test_any_bytes_are_a_state_or_refused(data: bytes) -> None:
    with pytest.raises(WithdrawalsError):
        decode(data)


@pytest.mark.parametrize(
    "change",
    [
        {"lease_s": 0},
        {"lease_s": MAX_LEASE_S + 1},
        {"serial": -1},
        {"service": ""},
        {"mode": "stopped"},
        {"nodes": [{"node": "a", "phase": "gone", "since": 1}]},
        {"nodes": [{"node": "a", "phase": "down", "since": 1}] * (MAX_NODES + 1)},
    ],
)
def test_what_is_out_of_bounds_is_refused(change: dict[str, object]) -> None:
    told = {**msgspec.json.decode(encode(STATE)), **change}
    with pytest.raises(WithdrawalsError):
        decode(msgspec.json.encode(told))


def test_a_message_too_long_is_refused_unread() -> None:
    with pytest.raises(WithdrawalsError, match="bytes, at most"):
        decode(b" " * (2 << 20))


@pytest.mark.parametrize("body", [b'{"service":"\xff"}', b'{"newer":' + b"[" * 100_000])
def test_what_msgspec_tells_by_errors_of_others_is_refused(body: bytes) -> None:
    with pytest.raises(WithdrawalsError):
        decode(body)


def test_what_a_later_version_adds_is_passed_over() -> None:
    told = {**msgspec.json.decode(encode(STATE)), "hint": 1, "v": 2}
    assert decode(msgspec.json.encode(told)).nodes == STATE.nodes
