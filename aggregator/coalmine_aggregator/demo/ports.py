"""Free ports on this machine, outside the range from which the kernel takes its own.

Whoever is given one opens its listener later, often in a process of its own. Until then the name of an
abstract Unix socket (unix(7)) keeps others off it: like the port it belongs to a network namespace, and
it is gone with the process that holds it.
"""

from __future__ import annotations

import os
import random
import socket
from collections import deque

HOST = "127.0.0.1"

FIRST, LAST = 10_000, 32_000
"""Below Linux's ephemeral range. The agents' short connections use up thousands of ports there, and a
listener that is closed on purpose must find its port free when it is opened again."""

MAX_KEPT = 256
"""A process keeps its newest so many; what it was given before may be given out again."""

_TRIES = 500
_KINDS = socket.SOCK_STREAM, socket.SOCK_DGRAM
_random = random.SystemRandom()
_kept: deque[int] = deque()  # descriptors, which end with the process


class NoFreePortError(OSError):
    """Every port that was tried is taken."""


def free_port(first: int = FIRST, last: int = LAST) -> int:
    """A port from `first` to below `last` that nobody was given and nobody uses, by TCP or UDP, on any
    address. Raises `NoFreePortError`."""
    for _ in range(_TRIES):
        port = _random.randrange(first, last)
        if _keep(port):
            if all(_is_free(port, family, kind) for family in _families() for kind in _KINDS):
                return port
            os.close(_kept.pop())
    raise NoFreePortError(f"no free port from {first} to {last}")


def _keep(port: int) -> bool:
    """Whether nobody else was given it."""
    word = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        word.bind(f"\0coalmine-port-{port}")
    except OSError:
        word.close()
        return False
    if len(_kept) == MAX_KEPT:
        os.close(_kept.popleft())
    _kept.append(word.detach())
    return True


def _families() -> tuple[tuple[socket.AddressFamily, str], ...]:
    four = (socket.AF_INET, "0.0.0.0")  # noqa: S104 - to see who has it, and nothing listens
    return (four, (socket.AF_INET6, "::")) if _has_ipv6() else (four,)


def _has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            probe.bind(("::", 0))
    except OSError:
        return False
    return True


def _is_free(port: int, at: tuple[socket.AddressFamily, str], kind: socket.SocketKind) -> bool:
    family, address = at
    with socket.socket(family, kind) as probe:
        if family == socket.AF_INET6:
            probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        try:
            probe.bind((address, port))
        except OSError:
            return False
    return True
