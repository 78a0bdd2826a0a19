"""Nodes that are to get no traffic: what is wanted of service discovery. Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Phase(StrEnum):
    """How a node is out: first it gets no new work, then it is called down."""

    DRAIN = "drain"
    DOWN = "down"


class Withdrawal(NamedTuple):
    """One node that is out. Seconds since the epoch: `since` when it was withdrawn, `hold_until` before
    which it does not come back. `repeats` counts how often it was withdrawn before, within the time
    that is remembered. `by` is the person who pinned it out, empty where Coalmine decided. `why` is one
    sentence for people, with the evidence."""

    service: str
    node: str
    zone: str
    since: float
    phase: Phase
    hold_until: float
    repeats: int
    why: str
    by: str = ""


class Mode(StrEnum):
    """Who acts on what is wanted."""

    ACTING = "acting"
    DRY_RUN = "dry_run"  # outputs take back all that they have said
    STANDBY = "standby"  # the other aggregator holds the lease: outputs leave everything as it is
    STOPPED = "stopped"  # the big switch: outputs take back all that they have said


class Held(NamedTuple):
    """A node that would be withdrawn if a rail did not hold it. `rail` is the rail's name."""

    node: str
    rail: str
    text: str


class Wanted(NamedTuple):
    """Everything that is wanted for one service: the full state, told anew at every tick.

    `at` is when, seconds since the epoch; what outputs keep under a lease ends `lease_s` after it.
    `nodes` are all nodes that the service is known to have, never empty: a service whose nodes nobody
    knows has no `Wanted` at all, which outputs must take for "no news", neither for "all are well" nor
    for "none is". `out` are the decided withdrawals, also in a dry run; outputs go by `effective`.
    `frozen` says why nothing is withdrawn though many look bad; empty otherwise.
    """

    service: str
    at: float
    lease_s: float
    mode: Mode
    nodes: tuple[str, ...]
    out: tuple[Withdrawal, ...] = ()
    held: tuple[Held, ...] = ()
    frozen: str = ""

    @property
    def effective(self) -> tuple[Withdrawal, ...]:
        """What outputs shall have in force. In `Mode.STANDBY` they are not to ask."""
        return self.out if self.mode is Mode.ACTING else ()

    @property
    def serving(self) -> tuple[str, ...]:
        """The nodes that get traffic."""
        gone = {each.node for each in self.effective}
        return tuple(node for node in self.nodes if node not in gone)
