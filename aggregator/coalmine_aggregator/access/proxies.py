"""What a listed proxy says of whom it let through. Pure.

Its headers count only where the connection comes from one of its addresses: anybody else could send
the same.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from coalmine_aggregator.access.identity import is_name
from coalmine_aggregator.access.roles import Role
from coalmine_aggregator.access.settings import ProxySettings

MAX_GROUPS = 1000
_FORWARDED = "X-Forwarded-For"
_MAX_FORWARDED = 4096


class Headers(Protocol):
    """A request's headers, as aiohttp has them."""

    def getall(self, key: str, default: list[str]) -> list[str]:
        """Every value of a header, in order."""


class Passed(NamedTuple):
    """Somebody whom the proxy named. `role` is None where none of the groups has one."""

    name: str
    role: Role | None


class AmbiguousError(Exception):
    """A header that names somebody came twice, or names nobody; one line that says so."""


class Proxies:
    """Knows the proxy's addresses and headers; None trusts nobody."""

    def __init__(self, settings: ProxySettings | None) -> None:
        self._settings = settings

    def trusts(self, peer: str) -> bool:
        """Whether this address is one of the proxy's."""
        settings, address = self._settings, parse_address(peer)
        if settings is None or address is None:
            return False
        return any(address in network for network in settings.addresses)

    def client(self, peer: str, headers: Headers) -> str:
        """The address that a request is from: `peer`, or whom the proxy names as its own peer."""
        if not self.trusts(peer):
            return peer
        forwarded = ",".join(headers.getall(_FORWARDED, []))
        if len(forwarded) > _MAX_FORWARDED:
            return peer
        nearest = peer
        for entry in reversed(forwarded.split(",")):
            address = parse_address(entry.strip())
            if address is None:
                break
            nearest = str(address)
            if not self.trusts(nearest):  # what stands further left is its own word
                break
        return nearest

    def person(self, peer: str, headers: Headers) -> Passed | None:
        """Whom the proxy lets through; None where it names nobody, or the request is not from it.

        Raises `AmbiguousError`."""
        settings = self._settings
        if settings is None or not self.trusts(peer):
            return None
        names = headers.getall(settings.user_header, [])
        if not names:
            return None
        name = names[0].strip()
        if len(names) > 1:
            raise AmbiguousError(f"the proxy sent {settings.user_header} twice; it must replace it")
        if not is_name(name):
            raise AmbiguousError(f"the proxy sent a {settings.user_header} that names nobody")
        return Passed(name, settings.role_of(self._groups(headers, settings)))

    def _groups(self, headers: Headers, settings: ProxySettings) -> Sequence[str]:
        if not settings.groups_header:
            return ()
        lines = headers.getall(settings.groups_header, [])
        if len(lines) > 1:
            raise AmbiguousError(f"the proxy sent {settings.groups_header} twice; it must replace it")
        groups = [group.strip() for line in lines for group in line.split(",", MAX_GROUPS)]
        return groups[:MAX_GROUPS]


def parse_address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """An address, an IPv4 one as such even where it came over IPv6; None for other text."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address
