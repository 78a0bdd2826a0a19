"""What of a slot's outcomes is told at once and what may wait for the report interval. Pure."""

from __future__ import annotations

from coalmine_wire.reports import SlotReport, Verdict

Told = tuple[int, list[SlotReport]]
"""A revision, and the slots of one report."""


class Batcher:
    """Gathers outcomes that went well over `interval_s` slots; all else goes out at once.

    With an interval of 1 everything goes out at once. `offset` spreads the fleet's reports over the
    interval: agents tell in slots where (slot + offset) is a multiple of it.
    """

    def __init__(self, interval_s: int, offset: int = 0) -> None:
        self._interval_s = interval_s
        self._offset = offset
        self._revision = 0
        self._held: list[SlotReport] = []

    def add(self, revision: int, report: SlotReport) -> list[Told]:
        """What is to be told now that a slot has ended."""
        if self._interval_s == 1:
            return [(revision, [report])]
        told = self.flush() if revision != self._revision else []
        self._revision = revision
        sent = [outcome for outcome in report.outcomes if outcome.verdict is Verdict.SENT]
        urgent = [outcome for outcome in report.outcomes if outcome.verdict is not Verdict.SENT]
        now: list[SlotReport] = []
        if urgent or report.impaired or not sent:
            now.append(SlotReport(report.slot, urgent, report.impaired))
        if sent:
            self._held.append(SlotReport(report.slot, sent))
        if (report.slot + self._offset) % self._interval_s == 0 or len(self._held) >= self._interval_s:
            now += self._held
            self._held = []
        return [*told, (revision, now)] if now else told

    def flush(self) -> list[Told]:
        """All that was held back."""
        held, self._held = self._held, []
        return [(self._revision, held)] if held else []
