"""What is wanted of a service, as nodes are told it. Pure."""

from __future__ import annotations

from coalmine_aggregator.model.withdrawal import Mode, Wanted
from coalmine_wire.withdrawals import (
    MAX_LEASE_S,
    MAX_NODES,
    MIN_LEASE_S,
    Phase,
    Withdrawals,
    Withdrawn,
    Word,
)


def state_of(wanted: Wanted, sender: str, serial: int) -> Withdrawals:
    """The message; at most `MAX_NODES` nodes are out by it, the first to go. The big switch clears what
    anybody has said; where nobody is to be out for another reason, the state says so."""
    out = sorted(wanted.effective, key=lambda each: (each.since, each.node))[:MAX_NODES]
    return Withdrawals(
        service=wanted.service,
        sender=sender,
        serial=serial,
        at=wanted.at,
        lease_s=min(max(wanted.lease_s, MIN_LEASE_S), MAX_LEASE_S),
        mode=Word.CLEARED if wanted.mode is Mode.STOPPED else Word.ACTING,
        nodes=tuple(Withdrawn(each.node, Phase(each.phase.value), each.since) for each in out),
    )


def cleared(service: str, sender: str, serial: int, at: float) -> Withdrawals:
    """The message that ends whatever was said of a service."""
    return Withdrawals(
        service=service,
        sender=sender,
        serial=serial,
        at=at,
        lease_s=MIN_LEASE_S,
        mode=Word.CLEARED,
    )
