"""How many slots a loss takes to be detected: the real bank, beside the exact delay of the best CUSUM.

    python -m benchmarks.cusum_delay [--quick] [--json] [--check]

A loss of 2 % begins in a service that was healthy, at one false page a year over 1,000 patterns. The
mean is over patterns that are hit at the same time, each with draws of its own, with the noise that
holds before anything is learned and with what is learned in four healthy hours. The reference knows the
2 % beforehand and has no cap and one alternative. Its threshold is the lowest that keeps exactly the
same budget; or the logarithm of the slots between false pages, which gives the 59, 6.7 and 1.1 s known
from elsewhere and is what the bound goes by.
"""

from __future__ import annotations

import math
import sys

import numpy as np

from benchmarks.report import Options, Report, main
from coalmine_aggregator.detect.bank import Bank
from coalmine_aggregator.detect.learning import Learner
from coalmine_aggregator.detect.noise import PRIOR, Noise
from coalmine_aggregator.detect.run_lengths import run_length
from coalmine_aggregator.detect.thresholds import SLOTS_PER_YEAR, threshold

P0 = 0.001
LOSS = 0.02
HEALTHY_LOSS = 0.0002
PATTERNS = 1000
HEALTHY_S = 600
LEARNED_S = 4 * 3600

RATES = {10: 1.5, 100: 1.5, 1000: math.inf}
"""Datapoints a slot, and how many times the reference the delay may be."""

MOST_SLOTS = 5.01
"""At 1,000 a slot. Every slot is worth at most 6 nats of 25.8, so that no loss of 2 % takes fewer than
five; and one in some hundreds takes six."""

TOTAL = {17: 1, 6: 2, 3: 3, 2: 4, 1: 5}
"""Series that are lost altogether, and the slot in which that must be seen."""


def delays(
    n: int, noise: Noise, patterns: int, seed: int
) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Slots until each pattern is over the threshold, the first one of the loss being 1."""
    random = np.random.default_rng([n, seed])
    bank, everything = Bank(P0, noise), np.arange(patterns)
    judged = np.full(patterns, n, dtype=np.int32)
    bank.resize(patterns)
    bank.expect(judged)
    for _ in range(HEALTHY_S):
        bank.settle(everything, judged, random.binomial(n, HEALTHY_LOSS, patterns).astype(np.int32))
    found = np.zeros(patterns, dtype=np.int64)
    slot = 0
    while not found.all():
        slot += 1
        bank.settle(everything, judged, random.binomial(n, LOSS, patterns).astype(np.int32))
        over = bank.over(threshold(PATTERNS, 1.0))
        found[over[found[over] == 0]] = slot
    return found


def learned(n: int) -> Noise:
    """What four healthy hours teach."""
    random, learner = np.random.default_rng([n, 99]), Learner(P0)
    for slot, bad in enumerate(random.binomial(n, HEALTHY_LOSS, LEARNED_S).tolist()):
        learner.learn(slot, n, bad)
    return learner.noise


def reference(n: int) -> float:
    """The delay of the best CUSUM at the lowest threshold that keeps the budget, by bisection."""
    low, high = 5.0, math.log(SLOTS_PER_YEAR * PATTERNS)
    for _ in range(20):
        middle = (low + high) / 2
        if run_length(n, P0, LOSS, middle, P0, cells=3000) < SLOTS_PER_YEAR * PATTERNS:
            low = middle
        else:
            high = middle
    return run_length(n, P0, LOSS, high, LOSS)


def first_slot(series: int) -> int:
    """The slot in which the total loss of so many series, a service of their own, is seen."""
    bank = Bank(P0, PRIOR)
    bank.resize(1)
    judged = np.array([series], dtype=np.int32)
    bank.expect(judged)
    one, slot = np.zeros(1, dtype=np.int64), 0
    while not len(bank.over(threshold(PATTERNS, 1.0))):
        slot += 1
        bank.settle(one, judged, judged)
    return slot


def run(options: Options) -> Report:
    report = Report()
    patterns = 400 if options.quick else 20_000
    for n, factor in RATES.items():
        best = reference(n)
        usual = run_length(n, P0, LOSS, math.log(SLOTS_PER_YEAR * PATTERNS), LOSS)
        report.add(f"2 % at {n}/s: best CUSUM, exact threshold", best, "slots")
        report.add(f"2 % at {n}/s: best CUSUM, threshold ln", usual, "slots")
        most = min(factor * usual, MOST_SLOTS if n >= 1000 else math.inf)
        for name, noise in (("at first", PRIOR), ("learned", learned(n))):
            found = delays(n, noise, patterns, 1)
            error = float(found.std()) / math.sqrt(patterns)
            report.add(
                f"2 % at {n}/s: {name}", float(found.mean()), f"+- {error:.2g} slots", at_most=most
            )
            report.add(f"2 % at {n}/s: {name}, 99 %", float(np.quantile(found, 0.99)), "slots")
            report.add(f"2 % at {n}/s: {name}, beside the exact threshold", found.mean() / best, "x")
    for series, slot in TOTAL.items():
        report.add(f"all of {series} series lost", first_slot(series), "slots", at_most=slot)
    report.note("reference: a 14.4x burn-rate alert at 99.9 % sees 2 % after 43 minutes")
    return report


if __name__ == "__main__":
    sys.exit(main("Slots until a loss is detected", run))
