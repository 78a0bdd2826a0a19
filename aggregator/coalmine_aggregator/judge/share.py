"""Shares that make tickets: datapoints that arrived twice, or late where no loss alert says so. Pure.

The same bank, localiser and closing rule as for loss, over other datapoints. It costs nothing while
there are none.
"""

from __future__ import annotations

from coalmine_aggregator.detect.noise import Noise
from coalmine_aggregator.judge.cells import Mask, ServiceCells
from coalmine_aggregator.judge.open_cause import GONE_S, OpenCause
from coalmine_aggregator.judge.service_slots import Cells
from coalmine_aggregator.judge.watch import Watch
from coalmine_aggregator.model.alerts import AlertClass, Severity
from coalmine_aggregator.model.findings import Finding

_WORDS = {
    AlertClass.DUPLICATES: "datapoints arrived more than once",
    AlertClass.LATE: "datapoints arrived after their second was settled",
}


QUIET_S = 600
"""Slots without any, after which slots are not looked at any more: no statistic is left by then."""


class ShareWatch:
    """One class over one service. `p0` is the share that is accepted."""

    def __init__(
        self, alert_class: AlertClass, service: str, cells: ServiceCells, p0: float, noise: Noise
    ) -> None:
        self._class = alert_class
        self._service = service
        self.watch = Watch(cells, p0, noise)
        self._busy_until = 0

    def settle(self, now: Cells, expected_is: object) -> None:
        """One settled slot, `now.bad` being the datapoints that are looked for."""
        watch = self.watch
        if now.bad.any():
            self._busy_until = now.slot + QUIET_S
        elif now.slot >= self._busy_until and not watch.causes:
            return
        watch.settle(now, expected_is)
        self._step(now)

    def revise(self, before: Cells, after: Cells, expected_is: object) -> None:
        """A settled slot is known otherwise."""
        watch = self.watch
        if not (after.bad & ~before.bad).any():
            return
        self._busy_until = max(self._busy_until, after.slot + QUIET_S)
        if after.slot > watch.history.last:
            watch.settle(before, expected_is)
        watch.revise(before, after)

    def _step(self, now: Cells) -> None:
        for cause in list(self.watch.causes):
            inside: Mask = cause.members[: len(now.bad)]
            judged = int((inside & now.expected[: len(inside)] & ~now.neither[: len(inside)]).sum())
            bad = int((inside & now.bad[: len(inside)]).sum())
            cause.gone_s = 0 if judged else cause.gone_s + 1
            if cause.step(judged, bad, self.watch.p0, 0.0) or cause.gone_s >= GONE_S:
                self.watch.close(cause)
        self.watch.follow()

    def findings(self) -> list[Finding]:
        """A ticket for each cause."""
        return [self._finding(cause) for cause in self.watch.causes]

    def _finding(self, cause: OpenCause) -> Finding:
        sums = self.watch.history.sums(cause.since, len(self.watch.cells))
        members = cause.members[: len(sums.bad)]
        bad, judged = int(sums.bad[members].sum()), int(sums.judged[members].sum())
        return Finding(
            self._class,
            self._service,
            cause.handle,
            Severity.TICKET,
            cause.scope,
            cause.since,
            equivalents=cause.equivalents,
            note=f"{bad} of {judged} {_WORDS[self._class]} in {sums.last - sums.first + 1} s",
            explanation=cause.explanation,
        )
