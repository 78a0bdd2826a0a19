"""What an aggregator tells the nodes: who is withdrawn from a service, in full, as JSON. Pure.

A message is the whole state: a node that it does not name is in service. It holds for `lease_s` from
when it was heard, by the clock of whoever heard it, so that the clocks of two machines never matter and
silence returns everybody. The schema only grows, as that of reports does.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import msgspec

from coalmine_wire.bad_json import BAD_JSON
from coalmine_wire.reports import MAX_PAYLOAD

MAX_NODES = 4096
"""Withdrawn nodes in one message."""

MIN_LEASE_S, MAX_LEASE_S = 1.0, 600.0

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=255)]


class WithdrawalsError(ValueError):
    """A message that is not of this schema; says what is wrong."""


class Phase(StrEnum):
    """How a node is out: first it gets no new work, then it is called down."""

    DRAIN = "drain"
    DOWN = "down"


class Word(StrEnum):
    """What a message asks for."""

    ACTING = "acting"  # hold these, for the lease
    CLEARED = "cleared"  # forget whatever was said, at once


class Withdrawn(msgspec.Struct, frozen=True):
    """One node that is out, `since` when, seconds since the epoch."""

    node: Name
    phase: Phase
    since: float


class Withdrawals(msgspec.Struct, frozen=True, kw_only=True):
    """One service's state. `sender` names a life of an aggregator, `serial` counts up within it; `at`
    is when, seconds since the epoch by the sender's clock, and orders what different senders say."""

    service: Name
    sender: Name
    serial: Annotated[int, msgspec.Meta(ge=0)]
    at: float
    lease_s: Annotated[float, msgspec.Meta(ge=MIN_LEASE_S, le=MAX_LEASE_S)]
    mode: Word
    nodes: Annotated[tuple[Withdrawn, ...], msgspec.Meta(max_length=MAX_NODES)] = ()
    v: int = 1


_decoder = msgspec.json.Decoder(Withdrawals)


def encode(withdrawals: Withdrawals) -> bytes:
    """The message's payload."""
    return msgspec.json.encode(withdrawals)


def decode(payload: bytes) -> Withdrawals:
    """Raises `WithdrawalsError`."""
    if len(payload) > MAX_PAYLOAD:
        raise WithdrawalsError(f"a message of {len(payload)} bytes, at most {MAX_PAYLOAD}")
    try:
        return _decoder.decode(payload)
    except BAD_JSON as error:
        raise WithdrawalsError(str(error)) from None
