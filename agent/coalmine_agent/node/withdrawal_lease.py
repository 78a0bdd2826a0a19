"""Whether this node is withdrawn from a service: what aggregators said last, while it holds. Pure.

Only an aggregator withdraws, and only for a lease that counts from when it was heard; alone, a node is
in service. Two aggregators may speak (one took over from the other, or does not know yet that it was
taken over from): while what was said last holds, another sender counts only if it spoke later, by its
own clock. Where that clock is behind, the lease ends first, and the node is in service in between.
"""

from __future__ import annotations

import math

from coalmine_wire.withdrawals import Phase, Withdrawals, Word

_SENDERS = 8  # whose last serial is remembered


class WithdrawalLease:
    """One service's, on one node. `now` is seconds on a clock that never steps and goes on while the
    machine is suspended."""

    def __init__(self, service: str, node: str) -> None:
        self._service = service
        self._node = node
        self._serials: dict[str, int] = {}
        self._sender = ""
        self._at = -math.inf
        self._until = -math.inf
        self._phase: Phase | None = None

    def hear(self, told: Withdrawals, now: float) -> bool:
        """Takes a message. False where it is of another service, repeated, or older than what holds."""
        last = self._serials.get(told.sender, -1)
        if told.service != self._service or told.serial <= last:
            return False
        if told.mode is Word.CLEARED:
            self._remember(told)
            self.forget()
            return True
        if now < self._until and told.sender != self._sender and told.at <= self._at:
            return False
        self._remember(told)
        self._sender, self._at, self._until = told.sender, told.at, now + told.lease_s
        self._phase = next((each.phase for each in told.nodes if each.node == self._node), None)
        return True

    def phase(self, now: float) -> Phase | None:
        """How the node is out now; None while it is in service."""
        return self._phase if now < self._until else None

    def heard(self, now: float) -> bool:
        """Whether what an aggregator said holds."""
        return now < self._until

    def forget(self) -> None:
        """The node is in service at once, and whoever speaks next is heard."""
        self._phase, self._at, self._until = None, -math.inf, -math.inf

    def _remember(self, told: Withdrawals) -> None:
        self._serials.pop(told.sender, None)
        self._serials[told.sender] = told.serial
        if len(self._serials) > _SENDERS:
            del self._serials[next(iter(self._serials))]
