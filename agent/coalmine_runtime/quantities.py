"""Numbers as people write them: `10s`, `0.1%`, `64KiB`, `10.0.0.0/8`, `:2003`. Pure."""

from __future__ import annotations

import ipaddress
import math
import re
from collections.abc import Callable, Sequence
from typing import Annotated, Any, NamedTuple


class Kind(NamedTuple):
    """How a scalar of this kind is read: what to call it, and a function that raises ValueError."""

    name: str
    parse: Callable[[str], Any]


_NUMBER = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([A-Za-z%]*)\Z")
_MAX_HOST = 253
_SECONDS = {"": 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_BYTES = {"": 1, "B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}


def parse_seconds(text: str) -> float:
    """`10`, `250ms`, `10s`, `5m`, `24h`, `30d` as seconds."""
    number, unit = _split(text, "a duration such as 10s or 5m")
    if unit not in _SECONDS:
        raise ValueError(f'"{unit}" is no unit of time (ms, s, m, h, d)')
    return number * _SECONDS[unit]


def parse_fraction(text: str) -> float:
    """`0.1%`, `0.001` or `1/500` as a number from 0 to 1."""
    over, slash, under = text.partition("/")
    try:
        if slash:
            value = float(over) / float(under)
        elif text.endswith("%"):
            value = float(text[:-1]) / 100
        else:
            value = float(text)
    except (ValueError, ZeroDivisionError):
        raise ValueError(f'expected a share such as 0.1%, 0.001 or 1/500, not "{text}"') from None
    if not 0 <= value <= 1:
        raise ValueError(f'"{text}" is not between 0 and 100 %')
    return value


def parse_bytes(text: str) -> int:
    """`4096`, `4KiB`, `1MiB` as bytes."""
    number, unit = _split(text, "a size such as 4KiB")
    if unit not in _BYTES:
        raise ValueError(f'"{unit}" is no unit of size (B, KiB, MiB, GiB)')
    return int(number * _BYTES[unit])


def _split(text: str, expected: str) -> tuple[float, str]:
    match = _NUMBER.match(text)
    if match is None or math.isinf(float(match[1])):
        raise ValueError(f'expected {expected}, not "{text}"')
    return float(match[1]), match[2]


def is_host(text: str) -> bool:
    """Whether `text` can be looked up, or is an address; an IPv6 one may have a zone."""
    if ":" in text:
        try:
            ipaddress.IPv6Address(text)
        except ValueError:
            return False
        return True
    if len(text) > _MAX_HOST or any(c.isspace() or not c.isprintable() or c in "/@?#%" for c in text):
        return False
    try:
        return bool(text.encode("idna").strip(b"."))
    except UnicodeError:
        return False


class Address(NamedTuple):
    """Where to listen or connect. An empty host means every address, where one listens."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Address:
        """`host:port`, `10.0.0.1:port`, `[::1]:port` or, for listeners, `:port`."""
        host, colon, port = text.rpartition(":")
        if host.startswith("[") and host.endswith("]"):
            host = host[1:-1]
        elif ":" in host:
            raise ValueError(f'an IPv6 address stands in brackets: "[{host}]:{port}"')
        if not colon or not (port.isascii() and port.isdigit()) or int(port) > 65535:
            raise ValueError(f'expected host:port, not "{text}"')
        if "@" in host:  # what stands in front of it may be a key, and is not repeated
            raise ValueError("expected host:port, without user or key")
        if host and not is_host(host):
            raise ValueError(f'"{host}" is no host name')
        return cls(host, int(port))

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach a listener there."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network


def parse_network(text: str) -> IPNetwork:
    """`10.0.0.0/8`, `2001:db8::/32` or a single address."""
    try:
        return ipaddress.ip_network(text)
    except ValueError as error:
        raise ValueError(f"{error}; expected a network such as 10.0.0.0/8") from None


def lies_in(address: str, networks: Sequence[IPNetwork]) -> bool:
    """Whether `address`, as the kernel writes it, lies in one of `networks`."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    return any(found in network for network in networks)


Seconds = Annotated[float, Kind("duration", parse_seconds)]
Fraction = Annotated[float, Kind("share", parse_fraction)]
Bytes = Annotated[int, Kind("size", parse_bytes)]
Network = Annotated[IPNetwork, Kind("network", parse_network)]
