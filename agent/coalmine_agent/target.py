"""An endpoint's plan made ready for sending: what no slot changes is prepared once."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from coalmine_agent.senders import SENDERS

if TYPE_CHECKING:
    from coalmine_agent.attempt import Sender
    from coalmine_agent.plan import EndpointPlan

_FAMILIES = {"any": socket.AF_UNSPEC, "ipv4": socket.AF_INET, "ipv6": socket.AF_INET6}


class Address(NamedTuple):
    """A socket address: the family, and what `connect` takes."""

    family: int
    sockaddr: tuple[str, int] | tuple[str, int, int, int]


class Target:
    """`index` numbers the plan; it is -1 for a probe of the null sink.

    `literal` is set where the host is an address, which takes no look-up.
    """

    __slots__ = (
        "_works",
        "family",
        "index",
        "literal",
        "name",
        "plan",
        "sender",
        "server_name",
        "where",
    )

    def __init__(self, index: int, plan: EndpointPlan, sender: Sender | None = None) -> None:
        """`sender` stands in for that of the plan's protocol."""
        self.index = index
        self.plan = plan
        self.name = plan.wire_name.encode("ascii")
        # Given as text, ssl would encode it for each connection, as slowly as a system call.
        self.server_name = plan.tls.server_name.encode("idna") if plan.tls else b""
        self.sender = sender or SENDERS[plan.protocol]
        self.family = _FAMILIES[plan.family]
        self.literal = literal_address(plan.host, plan.port)
        self.where = plan.address
        self._works: int = socket.AF_UNSPEC  # the family that was reached last, where both are wanted

    def choose(self, found: Sequence[tuple[int, str]], slot: int) -> list[Address]:
        """The addresses for a slot's attempt: one, and one of the other family where there is one.

        The family that was reached last comes first, or the one that the name's look-up gave first; on
        loopback IPv4, where a server that takes both is reached by it and one that takes IPv4 alone is
        too. Of a family's addresses it is the one whose turn it is, so that one dead address of three
        costs a third of the datapoints, as it does the service's users.
        """
        first: int = self._works or found[0][0]
        if not self._works and any(host.startswith("127.") for _, host in found):
            first = socket.AF_INET
        groups = (
            [entry for entry in found if entry[0] == first],
            [entry for entry in found if entry[0] != first],
        )
        return [self._address(*group[slot % len(group)]) for group in groups if group]

    def reached(self, family: int) -> None:
        """An attempt got through to an address of this family."""
        self._works = family

    def unreachable(self, address: Address, other: Address | None) -> None:
        """Nobody could be reached at `address` in time: the other family is next, if there is one."""
        if other is not None:
            self._works = other.family

    def _address(self, family: int, host: str) -> Address:
        if family == socket.AF_INET6:
            return Address(family, (host, self.plan.port, 0, 0))
        return Address(family, (host, self.plan.port))


def literal_address(host: str, port: int) -> Address | None:
    """The address that `host` spells, IPv4 or IPv6 (with a zone, perhaps); None where it is a name."""
    try:
        socket.inet_pton(socket.AF_INET, host)
        return Address(socket.AF_INET, (host, port))
    except OSError:
        pass
    bare, _, zone = host.partition("%")
    try:
        socket.inet_pton(socket.AF_INET6, bare)
    except OSError:
        return None
    return Address(socket.AF_INET6, (bare, port, 0, _scope(zone)))


def _scope(zone: str) -> int:
    if not zone:
        return 0
    return int(zone) if zone.isdigit() else socket.if_nametoindex(zone)
