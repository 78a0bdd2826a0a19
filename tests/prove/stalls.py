"""What the machine itself does to times: how late a thread wakes that should each 50 ms, and how many
others want its cores."""

from __future__ import annotations

import os
import threading
import time
from types import TracebackType

STEP_S = 0.05

LONG_S = 0.5
"""From here on a stall may cost datapoints: their deadline is one second."""


def stretched(limit_s: float) -> float:
    """A limit that holds on a machine of one's own, as it is on this one: longer by as much as more
    processes want its cores than there are."""
    return limit_s * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


class StallWatch:
    """`with` it around what is measured. `slots` are the seconds that long stalls may have touched."""

    def __init__(self) -> None:
        self.slots = 0
        self.longest_s = 0.0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> StallWatch:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        before = time.perf_counter()
        while not self._over.wait(STEP_S):
            now = time.perf_counter()
            late_s = now - before - STEP_S
            before = now
            self.longest_s = max(self.longest_s, late_s)
            if late_s > LONG_S:
                self.slots += int(late_s) + 2
