"""Counts what one source refused, and says so in the log without being flooded by it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping

from coalmine_aggregator.receivers.reasons import Reason
from coalmine_runtime.logs import get_logger

LOG_EVERY_S = 60.0
"""At most one line a reason in this time; what came between is in its count."""

Rejects = Callable[[int, Reason, int], None]
"""Told at once: source, reason, how many."""

log = get_logger("aggregator")


class Rejections:
    """Of one source. `totals` counts since the start."""

    def __init__(self, source: int, name: str, rejects: Rejects) -> None:
        self.totals: Counter[Reason] = Counter()
        self._source = source
        self._name = name
        self._rejects = rejects
        self._untold: Counter[Reason] = Counter()
        self._details: dict[Reason, str] = {}
        self._quiet_until: dict[Reason, float] = {}

    def count(self, reason: Reason, count: int = 1, detail: str = "") -> None:
        """Counts; `detail` (an address, an opcode) stands in the next log line of this reason."""
        self.totals[reason] += count
        self._untold[reason] += count
        if detail:
            self._details[reason] = detail
        self._rejects(self._source, reason, count)

    def count_all(self, counts: Mapping[Reason, int]) -> None:
        """Counts several at once."""
        for reason, count in counts.items():
            self.count(reason, count)

    def tell(self, now_s: float) -> None:
        """Logs what has not been told, as far as it is time again (monotonic seconds)."""
        for reason in list(self._untold):
            if now_s < self._quiet_until.get(reason, now_s):
                continue
            self._quiet_until[reason] = now_s + LOG_EVERY_S
            log.warning(
                "aggregator.receiver.rejected",
                receiver=self._name,
                reason=reason.value,
                count=self._untold.pop(reason),
                detail=self._details.pop(reason, ""),
            )
