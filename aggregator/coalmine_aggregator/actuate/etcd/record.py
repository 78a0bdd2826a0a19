"""What stands under the key of a withdrawal: the contract with everybody who reads it. Pure.

JSON; fields are added, never renamed or removed, and a reader ignores what it does not know.
"""

from __future__ import annotations

from typing import Annotated, NamedTuple

import msgspec

from coalmine_aggregator.model.withdrawal import Phase, Withdrawal
from coalmine_wire.bad_json import BAD_JSON

MAX_WHY = 500
MAX_BYTES = 8192
"""Of a value; a longer one is not ours."""

MAX_LEASE_S = 600.0

_Text = Annotated[str, msgspec.Meta(max_length=2 * MAX_WHY)]
_Lease = Annotated[float, msgspec.Meta(gt=0, le=MAX_LEASE_S)]


class Record(msgspec.Struct, frozen=True):
    """One node that is out. `since` is when it was withdrawn, seconds since the epoch, and `until` when
    it comes back at the earliest. Whoever has not reached etcd for `lease_s` takes the node to be in
    again, by a clock of its own. `aggregator` says so; `by` is the person who pinned the node out,
    empty where Coalmine decided."""

    since: float
    phase: Phase
    why: _Text
    until: float
    lease_s: _Lease
    aggregator: _Text
    by: _Text = ""


class Out(NamedTuple):
    """A record with its node."""

    node: str
    record: Record


def record_of(withdrawal: Withdrawal, aggregator: str, lease_s: float) -> Record:
    """What is said of a withdrawal. It does not change while that does not."""
    return Record(
        since=withdrawal.since,
        phase=withdrawal.phase,
        why=withdrawal.why[:MAX_WHY],
        until=withdrawal.hold_until,
        lease_s=min(lease_s, MAX_LEASE_S),
        aggregator=aggregator[:MAX_WHY],
        by=withdrawal.by[:MAX_WHY],
    )


def encode(record: Record) -> bytes:
    """The value of a key."""
    return msgspec.json.encode(record)


def decode(value: bytes) -> Record | None:
    """None for what is no record: it takes nobody out."""
    if len(value) > MAX_BYTES:
        return None
    try:
        return msgspec.json.decode(value, type=Record)
    except BAD_JSON:
        return None
