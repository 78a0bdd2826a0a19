"""Gathers step times and ends of certificates from reports until a slot is settled. Pure."""

from __future__ import annotations

import numpy as np

from coalmine_aggregator.ledger.agents import Assignment
from coalmine_aggregator.model.timings import NO_TIMINGS, Timings
from coalmine_wire.reports import Report, Step, Verdict

MOST = 20_000
"""Attempts gathered between two settled slots; of a larger fleet those of the reports that come first,
which is another part of it each second."""

_STEPS = len(Step)
_MOST_US = 2**31 - 1
_SENT = Verdict.SENT
_REST = tuple((-1,) * n for n in range(_STEPS + 1))


class Stopwatch:
    """`passed_over` counts the reports that found no room."""

    def __init__(self) -> None:
        self.passed_over = 0
        self._series: list[int] = []
        self._steps_us: list[tuple[int, ...]] = []
        self._ends: list[tuple[int, int]] = []

    def take(self, report: Report, assignment: Assignment) -> None:
        """A report of slots that just ended; what was replayed says nothing of now."""
        listed = assignment.listed
        for endpoint, end in report.expiries:
            if 0 <= endpoint < len(listed) and len(self._ends) < MOST:
                self._ends.append((listed[endpoint], end))
        if len(self._series) >= MOST:
            self.passed_over += 1
            return
        for slot in report.slots:
            if slot.impaired:
                continue
            for outcome in slot.outcomes:
                times = outcome.steps_us
                if times and outcome.verdict is _SENT and 0 <= outcome.endpoint < len(listed):
                    self._series.append(listed[outcome.endpoint])
                    self._steps_us.append(times)

    def drain(self) -> Timings:
        """What was gathered since it was last asked."""
        if not self._series and not self._ends:
            return NO_TIMINGS
        rows = [times[:_STEPS] + _REST[max(_STEPS - len(times), 0)] for times in self._steps_us]
        steps_us = np.clip(np.array(rows, dtype=np.int64).reshape(-1, _STEPS), -1, _MOST_US)
        timings = Timings(
            np.array(self._series, dtype=np.int32), steps_us.astype(np.int32), tuple(self._ends)
        )
        self._series, self._steps_us, self._ends = [], [], []
        return timings
