"""What of a slot's outcomes is told at once and what may wait for the report interval. Pure."""

from __future__ import annotations

from coalmine_wire.reports import SlotReport, Verdict

Told = tuple[int, list[SlotReport]]
"""A revision, and the slots of one report."""

_AHEAD = 16  # slots of which something was told ahead of their end


class Batcher:
    """Gathers outcomes that went well over `interval_s` slots; all else goes out at once.

    With an interval of 1 everything goes out at once. `offset` spreads the fleet's reports over the
    interval: agents tell in slots where (slot + offset) is a multiple of it. What was told ahead of its
    slot's end is not told again.
    """

    def __init__(self, interval_s: int, offset: int = 0) -> None:
        self._interval_s = interval_s
        self._offset = offset
        self._revision = 0
        self._held: list[SlotReport] = []
        self._ahead: dict[tuple[int, int], set[int]] = {}

    def ahead(self, revision: int, report: SlotReport) -> list[Told]:
        """What is to be told of a slot that goes on: all of it."""
        told = self._ahead.setdefault((revision, report.slot), set())
        told.update(outcome.endpoint for outcome in report.outcomes)
        if len(self._ahead) > _AHEAD:  # slots always end; this is for those that a fault has lost
            del self._ahead[next(iter(self._ahead))]
        return [(revision, [report])]

    def add(self, revision: int, report: SlotReport) -> list[Told]:
        """What is to be told now that a slot has ended."""
        ahead = self._ahead.pop((revision, report.slot), None) if self._ahead else None
        if ahead is not None:
            left = [outcome for outcome in report.outcomes if outcome.endpoint not in ahead]
            report = SlotReport(report.slot, left, report.impaired)
        empty = ahead is not None and not report.outcomes and not report.impaired
        if self._interval_s == 1:
            return [] if empty else [(revision, [report])]
        told = self.flush() if revision != self._revision else []
        self._revision = revision
        sent = [outcome for outcome in report.outcomes if outcome.verdict is Verdict.SENT]
        urgent = [outcome for outcome in report.outcomes if outcome.verdict is not Verdict.SENT]
        now: list[SlotReport] = []
        if urgent or report.impaired or not (sent or empty):
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
