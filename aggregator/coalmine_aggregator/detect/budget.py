"""Budget: steady noise above what a service may lose, for which nobody is woken. Pure.

The detectors of loss take the acceptable loss p0 for granted and look for a loss that is worth a page;
noise that lies above p0 by less stays below them for ever. A ticket says so when what goes bad outside
loss alerts is above p0 by 4 standard deviations over the last hour and over the last six, at every look
for half an hour. The standard deviation is that of the noise as it is: binomial, widened by the
dispersion measured over six hours, so that bursts and slow drifts need as much more evidence as they
scatter more.

It is over when the last hour is at p0 or below it, or six hours are not above it any more, for ten
minutes. Blindness ends nothing: an hour without data says nothing of the noise.
"""

from __future__ import annotations

from typing import Final

from coalmine_aggregator.detect.slo import Slo, Sums, excess
from coalmine_aggregator.model.alerts import AlertClass, Severity
from coalmine_aggregator.model.explanation import Explanation, Statistic
from coalmine_aggregator.model.findings import Finding

EVERY_S: Final = 10
"""Slots between two looks."""

OPEN_Z: Final = 4.0
"""Standard deviations above p0, in both windows."""

LASTS_S: Final = 1_800
"""Slots for which every look must find them."""

LEAST_BAD: Final = (3, 10)
"""Bad datapoints in the last hour and in six: fewer are no noise, however small p0 is."""

CLOSE_Z: Final = 1.0
"""Six hours within so many standard deviations are not above p0 any more."""

CLEAR_S: Final = 600
"""Slots for which every look must find that it is over."""

SHORT_S: Final = 3_600
LONG_S: Final = 21_600


class BudgetWatch:
    """One service. `look` at each settled slot; `findings` holds at most one."""

    def __init__(self, service: str, p0: float, slo: Slo, *, was_open: bool = False) -> None:
        """`slo` has the sums, whatever its budget; `was_open` says that an earlier run left a ticket,
        which stays until it is over."""
        self._service = service
        self._p0 = p0
        self._slo = slo
        self._looked: int | None = None
        self._above_since: int | None = None
        self._clear_since: int | None = None
        self._open = was_open
        self._since: int | None = None
        self._finding: Finding | None = None

    def look(self, slot: int) -> None:
        """Judges the hours that end at this settled slot, unless it did less than 10 slots ago."""
        if self._looked is not None:
            if 0 <= slot - self._looked < EVERY_S:
                return
            if not 0 <= slot - self._looked <= CLEAR_S:
                # Time jumped: nobody looked, so nothing was found at every look.
                self._above_since = self._clear_since = None
        self._looked = slot
        short, long = self._slo.sums(slot, SHORT_S), self._slo.sums(slot, LONG_S)
        if not self._open and short.outside_bad <= self._p0 * short.outside_judged:
            self._above_since = None
            return
        spread = self._slo.dispersion(slot, LONG_S)
        short_z, long_z = self._z(short, spread), self._z(long, spread)
        if self._open:
            self._judge_end(slot, short, short_z, long_z)
        else:
            few = short.outside_bad < LEAST_BAD[0] or long.outside_bad < LEAST_BAD[1]
            self._judge_beginning(slot, 0.0 if few else min(short_z, long_z))
        if self._open:
            if self._since is None:
                self._since = self._slo.since(slot, LONG_S, self._p0)
            self._finding = self._found(slot, short, long, short_z, long_z, spread)
        else:
            self._since = self._finding = None

    def findings(self) -> list[Finding]:
        """At most one, known by the handle `budget`."""
        return [] if self._finding is None else [self._finding]

    def _judge_beginning(self, slot: int, z: float) -> None:
        if z < OPEN_Z:
            self._above_since = None
        elif self._above_since is None:
            self._above_since = slot
        elif slot - self._above_since >= LASTS_S:
            self._open, self._above_since, self._clear_since = True, None, None

    def _judge_end(self, slot: int, short: Sums, short_z: float, long_z: float) -> None:
        over = long_z < CLOSE_Z or (short.outside_judged > 0 and short_z <= 0)
        if not over:
            self._clear_since = None
        elif self._clear_since is None:
            self._clear_since = slot
        elif slot - self._clear_since >= CLEAR_S:
            self._open, self._above_since, self._clear_since = False, None, None

    def _z(self, sums: Sums, dispersion: float) -> float:
        return excess(sums.outside_judged, sums.outside_bad, self._p0, dispersion)

    def _found(
        self, slot: int, short: Sums, long: Sums, short_z: float, long_z: float, spread: float
    ) -> Finding:
        assert self._since is not None
        hour, six = _share(short), _share(long)
        return Finding(
            AlertClass.BUDGET,
            self._service,
            "budget",
            Severity.TICKET,
            (),
            self._since,
            window_s=SHORT_S,
            note=(
                f"{hour:.3%} lost over an hour and {six:.3%} over six, all without an alert; "
                f"{self._p0:.3%} is acceptable"
            ),
            explanation=Explanation(
                slot + 1 - long.span_s,
                slot,
                tuple(
                    Statistic(name, (), z, OPEN_Z, None, sums.outside_judged, sums.outside_bad)
                    for name, sums, z in (
                        ("standard deviations over 1h", short, short_z),
                        ("standard deviations over 6h", long, long_z),
                    )
                ),
                facts=(
                    ("acceptable loss", f"{self._p0:.4%}"),
                    ("loss over 1h", f"{hour:.4%}"),
                    ("loss over 6h", f"{six:.4%}"),
                    ("dispersion", f"{spread:.2f}"),
                ),
            ),
        )


def _share(sums: Sums) -> float:
    return sums.outside_bad / sums.outside_judged if sums.outside_judged else 0.0
