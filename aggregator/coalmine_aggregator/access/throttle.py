"""How often an address may fail. Pure: time is an argument, in seconds of a clock that never steps.

By the wall clock, who failed while it was ahead would be locked out until it comes there again.
"""

from __future__ import annotations

import ipaddress

MAX_ADDRESSES = 10_000
"""Remembered at once; past that, those that failed longest ago are forgotten."""


class Throttle:
    """Lets each address fail `most` times, and again as the `window_s` they share goes by."""

    def __init__(self, most: int, window_s: float, *, addresses: int = MAX_ADDRESSES) -> None:
        self._most = most
        self._per_s = most / window_s
        self._bound = addresses
        self._failures: dict[str, tuple[float, float]] = {}  # how many, as of when; newest last

    def __len__(self) -> int:
        return len(self._failures)

    def wait_s(self, address: str, now: float) -> float:
        """How long until the address may try again; 0 where it may at once."""
        over = self._level(_network(address), now) - (self._most - 1)
        return max(0.0, over / self._per_s)

    def failed(self, address: str, now: float) -> None:
        """The address failed."""
        network = _network(address)
        level = self._level(network, now) + 1
        self._failures.pop(network, None)
        self._failures[network] = (level, now)
        while len(self._failures) > self._bound:
            del self._failures[next(iter(self._failures))]

    def _level(self, network: str, now: float) -> float:
        level, at = self._failures.get(network, (0.0, now))
        return max(0.0, level - (now - at) * self._per_s)


def _network(address: str) -> str:
    """The address, or the network that one IPv6 customer has all of."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if parsed.version == 4:
        return address
    mapped = parsed.ipv4_mapped
    if mapped is not None:
        return str(mapped)
    return str(ipaddress.ip_network((parsed.packed[:8] + bytes(8), 64)))
