"""Free ports on loopback, outside the range from which the kernel takes its own."""

from __future__ import annotations

import os
import random
import socket

FIRST, LAST = 10_000, 32_000
"""Below Linux's ephemeral range: the agents' own short connections cannot take a port of a server
that is just being restarted."""

SHARES = 8
"""Processes that run tests beside each other take their ports from a share each (pytest-xdist)."""

_given: set[int] = set()
_random = random.SystemRandom()


def free_port() -> int:
    """A port that is free for TCP and UDP on 127.0.0.1, ::1 and every address; given out once."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    for _ in range(500):
        port = _random.randrange(FIRST + worker % SHARES, LAST, SHARES)
        if port not in _given and _is_free(port):
            _given.add(port)
            return port
    raise RuntimeError(f"no free port in {FIRST}-{LAST}")


def _is_free(port: int) -> bool:
    for family, address in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            with socket.socket(family, kind) as probe:
                if family == socket.AF_INET6:
                    probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                try:
                    probe.bind((address, port))
                except OSError:
                    return False
    return True
