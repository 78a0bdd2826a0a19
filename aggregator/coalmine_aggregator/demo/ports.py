"""Free ports on loopback, outside the range from which the kernel takes its own."""

from __future__ import annotations

import random
import socket

HOST = "127.0.0.1"

FIRST, LAST = 10_000, 32_000
"""Below Linux's ephemeral range. The agents' short connections use up thousands of ports there, and a
listener that is closed on purpose must find its port free when it is opened again."""

_TRIES = 500
_random = random.SystemRandom()


class NoFreePortError(OSError):
    """Every port that was tried is taken."""


def free_port() -> int:
    """A port that nobody uses now, by TCP or UDP. Raises `NoFreePortError`."""
    for _ in range(_TRIES):
        port = _random.randrange(FIRST, LAST)
        if all(_is_free(port, kind) for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM)):
            return port
    raise NoFreePortError(f"no free port from {FIRST} to {LAST}")


def _is_free(port: int, kind: socket.SocketKind) -> bool:
    with socket.socket(socket.AF_INET, kind) as probe:
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True
