"""False pages of a healthy fleet, over simulated years: noise, the learner, the bank and its threshold.

    python -m benchmarks.false_pages [--quick] [--json] [--check]

A run is one service of 1,000 patterns that begins knowing nothing. Each pattern has noise of its own
(bursts hit all in the same slots); what the service learns, it learns from one of them. The first hour,
or four where bursts have to be learned, is the start; after it, slots times patterns count as time. A
year is one start and a year of 1,000 patterns after it; the budget of one false page is that of a year.

At that budget nearly nothing is ever seen, whatever is simulated. So the same statistics are also held
to a thousand times the budget, whose threshold is lower by ln 1,000; and where slots are independent,
the exact rate by Markov chain is told for the noise that was learned. A page is a statistic that rises
over the threshold; it has to fall to 1 before it counts again. For bursts, the exact rate is that of
bursts alone. The reference is the exact rate of the plain binomial CUSUM at the same threshold, with
neither cap nor dispersion.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.report import Options, Report, main, say
from coalmine_aggregator.detect.bank import Bank
from coalmine_aggregator.detect.learning import Learner
from coalmine_aggregator.detect.likelihood import P1S, cap, log_likelihood_ratio
from coalmine_aggregator.detect.noise import PRIOR, Noise
from coalmine_aggregator.detect.run_lengths import chances, run_length
from coalmine_aggregator.detect.thresholds import SLOTS_PER_YEAR, threshold

P0 = 0.001
PATTERNS = 1000
BUDGET = 1.0
LOOSE = 1000.0
"""Times the budget, where there is something to be seen."""

RATES = (1, 10, 100, 1000)
"""Datapoints a slot."""

START_S = 3600
BURST_START_S = 4 * 3600
FULL_STARTS = 4
FULL_S = 25_000
"""Slots after the start: of each of four starts 0.8 years of a pattern."""

QUICK_S = 1200
QUICK_RATES = (10, 1000)
_CELLS = 600
_CHUNK = 512
_OVER_AGAIN = 1.0


class Kind(NamedTuple):
    """Mean loss, dispersion, and for how many slots there is a burst of 30 % every hour."""

    name: str
    loss: float
    rho: float = 0.0
    span: int = 0

    @property
    def start_s(self) -> int:
        return BURST_START_S if self.span else START_S


KINDS = (
    Kind("independent 0.0002", 0.0002),
    Kind("independent 0.001", 0.001),
    *(
        Kind(f"beta-binomial {loss} rho {rho}", loss, rho)
        for loss in (0.0002, 0.001)
        for rho in (0.001, 0.01, 0.05)
    ),
    Kind("hourly burst of 1 s", 0.0002, span=1),
    Kind("hourly burst of 2 s", 0.0002, span=2),
)
BURST_LOSS = 0.3
BURST_EVERY = 3600


class Pages(NamedTuple):
    """Of one run: pages in the start, and in the slots after it."""

    start: int
    after: int


class Outcome(NamedTuple):
    """Pages at the budget and at the loose one, the noise learned, the slots after the start."""

    strict: Pages
    loose: Pages
    noise: Noise
    slots: int


class Episodes:
    """Counts how often statistics rise over a threshold anew."""

    def __init__(self, threshold_nats: float) -> None:
        self._threshold = threshold_nats
        self.over: NDArray[np.int64] = np.zeros(0, dtype=np.int64)
        self._start = self._after = 0

    @property
    def pages(self) -> Pages:
        return Pages(self._start, self._after)

    def look(self, bank: Bank, starting: bool) -> None:
        if len(self.over):
            self.over = self.over[bank.best(self.over)[0] > _OVER_AGAIN]
        found = bank.over(self._threshold)
        if len(found):
            fresh = np.setdiff1d(found, self.over)
            if starting:
                self._start += len(fresh)
            else:
                self._after += len(fresh)
            self.over = np.concatenate([self.over, fresh])


def drawn(random: np.random.Generator, kind: Kind, n: int, first: int, slots: int) -> NDArray[np.int32]:
    """Bad datapoints, int32[slots, PATTERNS], from slot `first` on."""
    shape = slots, PATTERNS
    chance: float | NDArray[np.float64] = kind.loss
    if kind.rho:
        whole = (1 - kind.rho) / kind.rho
        chance = random.beta(kind.loss * whole, (1 - kind.loss) * whole, shape)
    bad = random.binomial(n, chance, shape).astype(np.int32)
    for slot in range(slots) if kind.span else ():
        since = (first + slot) % BURST_EVERY
        if first + slot >= BURST_EVERY and since < kind.span:
            bad[slot] += random.binomial(n - bad[slot], BURST_LOSS).astype(np.int32)
    return bad


def simulate(kind: Kind, n: int, after_s: int, seed: int) -> Outcome:
    """One service from its first slot on, until `after_s` slots after the start."""
    slots = kind.start_s + after_s
    random = np.random.default_rng([n, seed])
    bank, learner = Bank(P0, PRIOR), Learner(P0)
    bank.resize(PATTERNS)
    bank.expect(np.full(PATTERNS, n, dtype=np.int32))
    strict = Episodes(threshold(PATTERNS, BUDGET))
    loose = Episodes(threshold(PATTERNS, BUDGET * LOOSE))
    judged = np.full(PATTERNS, n, dtype=np.int32)
    for first in range(0, slots, _CHUNK):
        bad = drawn(random, kind, n, first, min(_CHUNK, slots - first))
        for slot, counts in enumerate(bad, first):
            touched = np.flatnonzero(counts)
            bank.settle(touched, judged[: len(touched)], counts[touched])
            if len(touched):
                strict.look(bank, slot < kind.start_s)
                loose.look(bank, slot < kind.start_s)
            if 0 in strict.over:
                learner.forget()
            else:
                learner.learn(slot, n, int(counts[0]))
            bank.set_noise(learner.noise)
    return Outcome(strict.pages, loose.pages, learner.noise, after_s)


def exact(kind: Kind, n: int, noise: Noise | None) -> float:
    """False pages a year by Markov chain, without the start.

    None stands for the plain binomial CUSUM without a cap. The sum over the alternatives, which is a
    little too much.
    """
    rate = 0.0
    for p1 in P1S:
        slots = run_length(
            n,
            P0,
            p1,
            threshold(PATTERNS, BUDGET),
            kind.loss,
            rho=noise.rho if noise else 0.0,
            true_rho=kind.rho,
            burst=(noise.q, noise.c) if noise else None,
            cells=_CELLS,
        )
        rate += SLOTS_PER_YEAR / slots
    return rate * PATTERNS


def of_bursts(kind: Kind, n: int, noise: Noise | None) -> float:
    """False pages a year of bursts that begin at 0, without the noise between; None as in `exact`."""
    k, weights = np.arange(n + 1), chances(n, BURST_LOSS)
    likeliest = 0.0
    for p1 in P1S:
        steps = log_likelihood_ratio(n, k, P0, p1, noise.rho if noise else 0.0)
        if noise:
            steps = np.minimum(steps, cap(np.full(n + 1, n), k, noise.q, noise.c))
        sums, odds = np.maximum(steps, 0.0), weights
        for _ in range(kind.span - 1):
            sums = np.maximum(np.add.outer(sums, steps), 0.0).ravel()
            odds = np.multiply.outer(odds, weights).ravel()
        likeliest = max(likeliest, float(odds[sums >= threshold(PATTERNS, BUDGET)].sum()))
    return likeliest * SLOTS_PER_YEAR / BURST_EVERY * PATTERNS


def a_year(pages: Sequence[Pages], slots: int) -> tuple[float, float, float]:
    """Pages a year of runs of together `slots` after their starts; and the 95 % interval of that.

    The interval is that of the slots after the start; how the few starts differ is told apart.
    """
    starts = sum(each.start for each in pages) / len(pages)
    after = sum(each.after for each in pages)
    share = slots / SLOTS_PER_YEAR
    low, high = interval(after)
    return starts + after / share, starts + low / share, starts + high / share


def interval(count: int) -> tuple[float, float]:
    """The means that a Poisson count speaks for: its exact 95 % interval."""

    def at_most(events: int, mean: float) -> float:
        logs = (k * math.log(mean) - mean - math.lgamma(k + 1) for k in range(events + 1))
        return sum(math.exp(each) for each in logs)

    def mean_at(events: int, chance: float) -> float:
        low, high = 1e-9, 10.0 * events + 20.0
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (middle, high) if at_most(events, middle) > chance else (low, middle)
        return high

    return (mean_at(count - 1, 0.975) if count else 0.0), mean_at(count, 0.025)


def run(options: Options) -> Report:
    report = Report()
    began = time.perf_counter()
    everything: list[Outcome] = []
    for kind in KINDS:
        for n in QUICK_RATES if options.quick else RATES:
            starts = 1 if options.quick else FULL_STARTS
            after_s = QUICK_S if options.quick else FULL_S
            found = [simulate(kind, n, after_s, seed) for seed in range(starts)]
            everything += found
            _tell(report, kind, n, found)
            say(f"{time.perf_counter() - began:.0f} s: {kind.name}, {n}/s: {found[0]}")
    slots = sum(each.slots for each in everything)
    for what, budget, pages in (
        ("at the budget", BUDGET, [each.strict for each in everything]),
        (f"at {LOOSE:.0f}x the budget", BUDGET * LOOSE, [each.loose for each in everything]),
    ):
        rate, low, high = a_year(pages, slots)
        report.add(f"all, {what}: {rate:.3g}, at least", low, f"to {high:.3g} a year", at_most=budget)
        mean = sum(each.start for each in pages) / len(pages)
        report.add(f"all, {what}: a start", mean, "pages", at_most=budget)
    report.note(
        f"{len(everything)} starts, then {slots * PATTERNS / SLOTS_PER_YEAR:.1f} years of one pattern; "
        "'at least ... to' is the 95 % interval, a year one of all 1,000 patterns"
    )
    return report


def _tell(report: Report, kind: Kind, n: int, found: Sequence[Outcome]) -> None:
    name = f"{kind.name}, {n}/s"
    rate, low, high = a_year([each.loose for each in found], sum(each.slots for each in found))
    report.add(
        f"{name}: at {LOOSE:.0f}x the budget {rate:.3g}, at least",
        low,
        f"to {high:.3g} a year",
        at_most=BUDGET * LOOSE,
    )
    starts = sum(each.strict.start for each in found) / len(found)
    if kind.span:
        worst = max(of_bursts(kind, n, each.noise) for each in found)
        report.add(
            f"{name}: a start and a year of the exact rate", starts + worst, "pages", at_most=BUDGET
        )
        report.add(f"{name}: reference", of_bursts(kind, n, None), "a year")
        return
    worst = max(
        exact(kind, n, each.noise) for each in {each.noise.rho: each for each in found}.values()
    )
    report.add(f"{name}: a start and a year of the exact rate", starts + worst, "pages", at_most=BUDGET)
    report.add(f"{name}: reference", exact(kind, n, None), "a year")


if __name__ == "__main__":
    sys.exit(main("False pages of a healthy fleet", run))
