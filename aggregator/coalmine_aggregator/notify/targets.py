"""Which addresses a request may go to. Pure; `guarded` holds sessions to it."""

from __future__ import annotations

import ipaddress
from typing import NamedTuple

from coalmine_aggregator.notify.web_url import WebUrl
from coalmine_runtime.settings import SettingError
from coalmine_runtime.url import split_url

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_METADATA = frozenset(
    map(ipaddress.ip_address, ("169.254.169.254", "100.100.100.200", "fd00:ec2::254"))
)
"""Where clouds hand a machine its own keys."""

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_UNICAST = ipaddress.IPv6Network("2000::/3")
_PRIVATE = tuple(
    map(
        ipaddress.ip_network,
        ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7"),
    )
)


class Target(NamedTuple):
    """Where a receiver's URL may lead: to public addresses, with `private` to private networks as well;
    with `loopback`, which a URL says itself, to this machine and nowhere else."""

    loopback: bool = False
    private: bool = False

    def refusal(self, address: str) -> str:
        """Why it may not be connected to, in words that name it; empty where it may."""
        found = _inner(ipaddress.ip_address(address))
        if self.loopback:
            return "" if found.is_loopback else f"{address} is not this machine"
        if found in _METADATA or found.is_link_local or found.is_loopback or found.is_unspecified:
            return f"{address} is {_kind(found)}, where nobody is told of alerts"
        if any(found in network for network in _PRIVATE if network.version == found.version):
            return "" if self.private else f"{address} is private; allow_private: true if that is meant"
        unicast = found.version == 4 or found in _UNICAST
        if not unicast or not found.is_global or found.is_multicast or found.is_reserved:
            return f"{address} is no public address"
        return ""


def target_of(url: WebUrl, *, private: bool) -> Target:
    """The target of a URL as settings have it. Raises `SettingError` for a literal address that would
    be refused."""
    target = Target(url.loopback, private)
    host = split_url(url.text, schemes=("http", "https"), example="https://host/path").host
    try:
        refusal = target.refusal(host)
    except ValueError:  # a name, or localhost: seen when it is looked up
        return target
    if refusal:
        raise SettingError("url", refusal)
    return target


def _inner(address: Address) -> Address:
    """The IPv4 address that an IPv6 one stands for, where it stands for one."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address.sixtofour is not None:
            return address.sixtofour
        if address in _NAT64:
            return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def _kind(address: Address) -> str:
    if address in _METADATA:
        return "a cloud's metadata service"
    if address.is_link_local:
        return "link-local"
    return "this machine"
