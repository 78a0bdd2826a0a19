"""Sees the machine stall: wakes every millisecond, before all others, and notes when it is late.

`python -m benchmarks.processes.sentinel` runs until its standard input ends, then prints a list of the
stalls that it saw, [begin, end] on the monotonic clock in seconds, and whether it had real-time
priority. What a busy neighbour on the host, or the hypervisor, takes from everybody is thereby told
apart from what the measured program does.
"""

from __future__ import annotations

import json
import os
import select
import sys

from coalmine_runtime.clock import monotonic

EVERY_S = 0.001
STALL_S = 0.002
"""A wake-up that is later than this was kept from running."""


def main() -> None:
    """Until the standard input ends."""
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(10))
        first_served = True
    except PermissionError:
        first_served = False
    stalls: list[tuple[float, float]] = []
    ended = select.poll()
    ended.register(sys.stdin.fileno(), select.POLLIN | select.POLLHUP)
    due = monotonic() + EVERY_S
    while not ended.poll(EVERY_S * 1000):
        now = monotonic()
        if now - due > STALL_S:
            stalls.append((due, now))
        due = now + EVERY_S
    print(json.dumps({"stalls": stalls, "real_time": first_served}))


if __name__ == "__main__":
    main()
