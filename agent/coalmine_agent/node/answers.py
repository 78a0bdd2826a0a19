"""What this node answers to load balancers, for each of its services. Pure.

A node is out only under a withdrawal that holds. Otherwise, and for whoever asks for what is not known
here, it is in service.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from coalmine_agent.node.own_verdict import OwnVerdict
from coalmine_agent.node.withdrawal_lease import WithdrawalLease
from coalmine_agent.plan import EndpointPlan
from coalmine_wire.agent_check import UP, word_for
from coalmine_wire.reports import SlotReport
from coalmine_wire.withdrawals import Withdrawals


class NodeStatus(msgspec.Struct, kw_only=True):
    """The body of `/health/<service>`. `status` is `up`, `drain` or `down`; `heard` says whether an
    aggregator's word on the service holds, without which the node is always up."""

    status: str
    service: str
    node: str
    heard: bool


class Answers:
    """One node's. `lowered` is the share of its weight that is asked for while the agent itself finds a
    service bad; 1 leaves that out. `now` is everywhere in seconds on a clock that never steps and goes
    on while the machine is suspended."""

    def __init__(self, node: str, services: Iterable[str], lowered: float = 1.0) -> None:
        self._node = node
        self._lowered = lowered
        self._leases: dict[str, WithdrawalLease] = {}
        self._own: dict[str, OwnVerdict] = {}
        self.update(node, services)

    def update(self, node: str, services: Iterable[str]) -> None:
        """Takes over another name or other services; what holds of those that stay goes on to hold."""
        if node != self._node:
            self._node = node
            self._leases.clear()
        names = [str(name) for name in services]  # plain ones, which JSON can say
        self._leases = {name: self._leases.get(name) or WithdrawalLease(name, node) for name in names}
        self._own = {name: self._own.get(name) or OwnVerdict(name) for name in names}

    @property
    def services(self) -> list[str]:
        """Those that are known."""
        return list(self._leases)

    def hear(self, told: Withdrawals, now: float) -> bool:
        """What an aggregator said; whether it counted."""
        lease = self._leases.get(told.service)
        return lease is not None and lease.hear(told, now)

    def slot(self, plans: Sequence[EndpointPlan], report: SlotReport, now: float) -> None:
        """A slot that ended."""
        if self._lowered < 1:
            for own in self._own.values():
                own.slot(plans, report, now)

    def forget(self) -> None:
        """Everything is in service, until an aggregator speaks again."""
        for lease in self._leases.values():
            lease.forget()

    def word(self, service: str, now: float) -> str:
        """For HAProxy. An empty name means the only service."""
        if not service and len(self._leases) == 1:
            service = next(iter(self._leases))
        lease = self._leases.get(service)
        if lease is None:
            return UP
        share = self._lowered if self._own[service].bad(now) else 1.0
        return word_for(lease.phase(now), share)

    def status(self, service: str, now: float) -> NodeStatus:
        """For HTTP. KeyError where the service is not known."""
        lease = self._leases[service]
        phase = lease.phase(now)
        return NodeStatus(
            status="up" if phase is None else phase.value,
            service=service,
            node=self._node,
            heard=lease.heard(now),
        )
