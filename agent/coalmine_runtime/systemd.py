"""What a service tells systemd over its notification socket: ready, reloading, stopping, alive.

Without `NOTIFY_SOCKET` in the environment nothing is said. See sd_notify(3) and sd_watchdog_enabled(3).
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping

READY = "READY=1"
STOPPING = "STOPPING=1"
WATCHDOG = "WATCHDOG=1"


def reloading() -> str:
    """The state that opens a reload; `READY` closes it. Type=notify-reload wants the time beside it."""
    return f"RELOADING=1\nMONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}"


def status(text: str) -> str:
    """One line for `systemctl status`."""
    return f"STATUS={text.splitlines()[0] if text else ''}"


def notify(state: str, env: Mapping[str, str] = os.environ) -> bool:
    """Sends `state`, assignments separated by newlines. False where nobody listens.

    Never blocks and never raises: a supervisor that does not read must not stop the supervised.
    """
    address = env.get("NOTIFY_SOCKET", "")
    if not address:
        return False
    if address.startswith("@"):
        address = f"\0{address[1:]}"  # an abstract socket
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
            sock.setblocking(False)
            sock.sendto(state.encode(), address)
    except OSError:
        return False
    return True


def watchdog_interval_s(env: Mapping[str, str] = os.environ, pid: int | None = None) -> float | None:
    """How long the service may be silent before systemd kills it; None where it does not watch."""
    if env.get("WATCHDOG_PID", str(pid or os.getpid())) != str(pid or os.getpid()):
        return None
    try:
        interval_us = int(env.get("WATCHDOG_USEC", ""))
    except ValueError:
        return None
    return interval_us / 1e6 if interval_us > 0 else None
