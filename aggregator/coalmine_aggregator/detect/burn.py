"""Burn: a service spends its error budget so fast that somebody must know. Pure.

Loss outside the scope and time of every loss alert is held against two windows at once: the long one
says that it matters, the short one that it still goes on.

    page     14.4 times too fast over 1 h and 5 min: a month's budget gone in 2 days
    page      6   times over 6 h and 30 min: in 5 days
    ticket    3   times over 1 d and 2 h
    ticket    1   time  over 3 d and 6 h

How fast is `slo.Sums.speed`, which fills up what is not known yet with no loss: a start, or the end of
a gap, needs as many lost datapoints as an old service does.

Speed is not all. A budget of 0.001 % allows one series 0.036 datapoints an hour, of which a single one
is 28 times too many, and noise just around the budget is above it half of the time. So the long window
must also be above the budget significantly: for pages by what the number of looks in a year and the
accepted false pages ask for, for tickets by 4 standard deviations, and at speed 1 with the dispersion
of the short window, since that is the only speed that noise within what is allowed gets near. (Bursts
may spend a budget 14.4 times too fast, and then that is no noise. The long window's own dispersion
would hold a ticket back for as long as it remembers how well it was before.) There is no burn of a
budget of nothing: where no loss is acceptable, the loss alerts tell every one.

A speed holds until the short window has been below 0.8 of it for a fifth of its length.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

from coalmine_aggregator.detect.slo import WINDOWS_S, Slo, Sums, excess
from coalmine_aggregator.detect.thresholds import SLOTS_PER_YEAR
from coalmine_aggregator.model.alerts import AlertClass, Severity
from coalmine_aggregator.model.explanation import Explanation, Statistic
from coalmine_aggregator.model.findings import Finding

EVERY_S: Final = 10
"""Slots between two looks."""

STAYS: Final = 0.8
"""A speed holds on while the short window is at least at this share of it."""

CLEAR_SHARE: Final = 0.2
"""The share of the short window's length for which it must have been below."""

TICKET_Z: Final = 4.0
"""Standard deviations above the budget that a ticket needs."""


class Pair(NamedTuple):
    """A speed and the windows, by name, over which it must hold."""

    speed: float
    long: str
    short: str
    severity: Severity

    @property
    def name(self) -> str:
        """As it is shown."""
        return f"burn {self.long} and {self.short}"


PAIRS: Final = (
    Pair(14.4, "1h", "5m", Severity.PAGE),
    Pair(6.0, "6h", "30m", Severity.PAGE),
    Pair(3.0, "1d", "2h", Severity.TICKET),
    Pair(1.0, "3d", "6h", Severity.TICKET),
)
"""The worst first."""

_NOISY: Final = 1.0
"""Up to this speed measured dispersion counts."""


class _State:
    """One pair's: whether it holds, and since which look it has been clear."""

    def __init__(self) -> None:
        self.holds = False
        self.clear_since: int | None = None


class _Reading(NamedTuple):
    """One pair's windows at a look. `z` is how surely the long one is above the budget."""

    long: Sums
    short: Sums
    long_speed: float
    short_speed: float
    z: float


class BurnWatch:
    """One service. `look` at each settled slot; `findings` holds at most one, the worst speed."""

    def __init__(
        self,
        service: str,
        slo: Slo,
        *,
        false_pages_per_year: float = 1.0,
        was_open: bool = False,
    ) -> None:
        """`was_open` says that an earlier run left an alert: what still holds it is enough to go on."""
        self._service = service
        self._slo = slo
        looks = SLOTS_PER_YEAR / EVERY_S * sum(pair.severity is Severity.PAGE for pair in PAIRS)
        self._page_z = max(TICKET_Z, math.sqrt(2 * max(0.0, math.log(looks / false_pages_per_year))))
        self._states = tuple(_State() for _ in PAIRS)
        self._resumes = was_open
        self._looked: int | None = None
        self._since: int | None = None
        self._finding: Finding | None = None

    def look(self, slot: int) -> None:
        """Judges the windows that end at this settled slot, unless it did less than 10 slots ago."""
        if self._looked is not None and 0 <= slot - self._looked < EVERY_S:
            return
        self._looked = slot
        if not self._slo.budget:
            return
        worst = self._worst(slot)
        if worst is None:
            self._since = self._finding = None
            return
        if self._since is None:
            share = self._slo.budget * worst.speed / 2
            self._since = self._slo.since(slot, WINDOWS_S[worst.long], share)
        self._finding = self._found(worst, slot)

    def findings(self) -> list[Finding]:
        """At most one, known by the handle `burn`."""
        return [] if self._finding is None else [self._finding]

    def _worst(self, slot: int) -> Pair | None:
        worst: Pair | None = None
        for pair, state in zip(PAIRS, self._states, strict=True):
            if state.holds:
                self._hold(pair, state, slot)
            else:
                state.holds = self._begins(pair, slot)
                state.clear_since = None
            if state.holds and worst is None:
                worst = pair
        self._resumes = False
        return worst

    def _begins(self, pair: Pair, slot: int) -> bool:
        enough = pair.speed * (STAYS if self._resumes else 1.0)
        # Healthy services, nearly all there are, are done after this.
        if (self._slo.sums(slot, WINDOWS_S[pair.long]).speed(self._slo.budget) or 0.0) < enough:
            return False
        reading = self._read(pair, slot)
        if reading.short_speed < enough:
            return False
        z = reading.z
        if z >= self._needed_z(pair) and pair.speed <= _NOISY:
            z /= math.sqrt(self._slo.dispersion(slot, WINDOWS_S[pair.short]))
        return z >= self._needed_z(pair)

    def _hold(self, pair: Pair, state: _State, slot: int) -> None:
        reading = self._read(pair, slot)
        enough = pair.speed * STAYS
        # Of a short window without data nothing is known; then the long one says how it is.
        known = reading.short_speed if reading.short.judged else reading.long_speed
        if known >= enough:
            state.clear_since = None
            return
        if state.clear_since is None or state.clear_since > slot:
            state.clear_since = slot
        if slot - state.clear_since >= CLEAR_SHARE * WINDOWS_S[pair.short]:
            state.holds = False

    def _read(self, pair: Pair, slot: int) -> _Reading:
        budget = self._slo.budget
        long = self._slo.sums(slot, WINDOWS_S[pair.long])
        short = self._slo.sums(slot, WINDOWS_S[pair.short])
        return _Reading(
            long,
            short,
            long.speed(budget) or 0.0,
            short.speed(budget) or 0.0,
            excess(long.outside_judged, long.outside_bad, budget),
        )

    def _needed_z(self, pair: Pair) -> float:
        return self._page_z if pair.severity is Severity.PAGE else TICKET_Z

    def _found(self, worst: Pair, slot: int) -> Finding:
        readings = [(pair, self._read(pair, slot)) for pair in PAIRS]
        statistics = tuple(
            Statistic(
                pair.name,
                (),
                min(reading.long_speed, reading.short_speed),
                pair.speed,
                None,
                reading.long.outside_judged,
                reading.long.outside_bad,
            )
            for pair, reading in readings
        )
        reading = next(reading for pair, reading in readings if pair is worst)
        left, ends = self._end(reading.long_speed, slot)
        assert self._since is not None
        return Finding(
            AlertClass.BURN,
            self._service,
            "burn",
            worst.severity,
            (),
            self._since,
            window_s=WINDOWS_S[worst.long],
            note=(
                f"the error budget is spent at {_times(reading.long_speed)} its rate over {worst.long} "
                f"and {_times(reading.short_speed)} over {worst.short}; {ends}"
            ),
            explanation=Explanation(
                slot + 1 - reading.long.span_s,
                slot,
                statistics,
                facts=(
                    ("speed", f"{reading.long_speed:.4g}"),
                    ("threshold", f"{worst.speed:g}x over {worst.long} and {worst.short}"),
                    ("standard deviations above the budget", f"{reading.z:.1f}"),
                    ("budget left", f"{left:.2%}"),
                    ("budget ends", ends),
                ),
            ),
        )

    def _end(self, speed: float, slot: int) -> tuple[float, str]:
        """The fraction of the budget that is left, and when nothing will be, in words."""
        left = self._slo.view(slot).left
        window = f"the budget of {_length(self._slo.window_s)}"
        if left <= 0:
            return left, f"{window} is used up"
        if speed <= 0:
            return left, f"{left:.0%} of {window} is left"
        return left, f"at this rate {window} ends in {_length(left * self._slo.window_s / speed)}"


def _times(speed: float) -> str:
    return f"{speed:.1f}x" if speed < 1_000 else f"{min(speed, 99_999):.0f}x"


def _length(seconds: float) -> str:
    """A length of time in words of one or two units: `1 d 6 h`, `43 min`."""
    minutes = max(1, round(seconds / 60))
    days, hours = minutes // 1_440, minutes % 1_440 // 60
    if days:
        return f"{days} d {hours} h" if hours and days < 10 else f"{days} d"
    if hours:
        return f"{hours} h {minutes % 60} min" if minutes % 60 else f"{hours} h"
    return f"{minutes} min"
