"""Reports and states that came before the birth which explains them. Pure."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from coalmine_wire.reports import Report, State

MAX_REPORTS = 10_000
MAX_STATES = 10_000
WAIT_S = 600
"""A birth that has not come by then is not waited for any longer."""


class Early(NamedTuple):
    """A report, and when it was received."""

    report: Report
    at: float


class Waiting:
    """Bounded; what is dropped is counted as `reports_unexplained`."""

    def __init__(self, oddities: Counter[str]) -> None:
        self._reports: dict[tuple[str, str, int], list[Early]] = {}
        self._held = 0
        self._states: dict[tuple[str, str], State] = {}
        self._oddities = oddities

    def report(self, report: Report, now: float) -> None:
        """Keeps a report for its birth."""
        key = (report.agent, report.boot, report.revision)
        self._reports.setdefault(key, []).append(Early(report, now))
        self._held += 1
        while self._held > MAX_REPORTS:
            self._drop(next(iter(self._reports)))

    def state(self, state: State) -> None:
        """Keeps the newest state of a boot for its birth."""
        self._states[state.agent, state.boot] = state
        if len(self._states) > MAX_STATES:
            del self._states[next(iter(self._states))]

    def reports_of(self, agent: str, boot: str, revision: int) -> list[Early]:
        """Takes out what waited for a birth."""
        reports = self._reports.pop((agent, boot, revision), [])
        self._held -= len(reports)
        return reports

    def state_of(self, agent: str, boot: str) -> State | None:
        """Takes out the state that waited for a boot's first birth."""
        return self._states.pop((agent, boot), None)

    def forget(self, now: float) -> None:
        """Drops what has waited too long."""
        for key, reports in list(self._reports.items()):
            if now - reports[0].at > WAIT_S:
                self._drop(key)

    def _drop(self, key: tuple[str, str, int]) -> None:
        reports = self._reports.pop(key)
        self._held -= len(reports)
        self._oddities["reports_unexplained"] += len(reports)
