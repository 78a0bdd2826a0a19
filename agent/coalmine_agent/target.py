"""An endpoint's plan made ready for sending: what no slot changes is prepared once."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from coalmine_agent.senders import SENDERS

if TYPE_CHECKING:
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
        "_other_family",
        "family",
        "index",
        "literal",
        "name",
        "plan",
        "sender",
        "server_name",
        "where",
    )

    def __init__(self, index: int, plan: EndpointPlan) -> None:
        self.index = index
        self.plan = plan
        self.name = plan.wire_name.encode("ascii")
        # Given as text, ssl would encode it for each connection, as slowly as a system call.
        self.server_name = plan.tls.server_name.encode("idna") if plan.tls else b""
        self.sender = SENDERS[plan.protocol]
        self.family = _FAMILIES[plan.family]
        self.literal = literal_address(plan.host, plan.port)
        self.where = plan.address
        self._other_family = False

    def choose(self, found: Sequence[tuple[int, str]], slot: int) -> Address:
        """The address for a slot's attempt: there is one an attempt.

        It is of the family that comes first, and of its addresses the one whose turn it is, so that
        one dead address of three costs a third of the datapoints, as it does the service's users.
        """
        first = found[0][0]
        group = [entry for entry in found if (entry[0] == first) is not self._other_family] or found
        family, host = group[slot % len(group)]
        if family == socket.AF_INET6:
            return Address(family, (host, self.plan.port, 0, 0))
        return Address(family, (host, self.plan.port))

    def unreachable(self) -> None:
        """No connection came about: if both families are wanted, the other one is next."""
        if self.family == socket.AF_UNSPEC:
            self._other_family = not self._other_family


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
