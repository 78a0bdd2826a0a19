"""How exactly the scopes of outages are named, and how long that takes.

    python -m benchmarks.localise [--quick] [--json] [--check]

Generated outages of one to three causes in fleets of 300 to 2,000 series (`benchmarks.outages`). F1
counts causes over all outages: one is right where it has exactly the cells of a true one, whatever its
name. An outage is told too widely if a scope that is no true one contains a true one.
"""

from __future__ import annotations

import statistics
import sys
import time
from dataclasses import dataclass, field

import numpy as np

from benchmarks import outages, riskloc_sets
from benchmarks.outages import Fleet, Outage
from benchmarks.report import Options, Report, main, say
from coalmine_aggregator.localise.localiser import Localiser
from coalmine_aggregator.model.lattice import Lattice
from coalmine_aggregator.model.scopes import Scope

P0 = 0.001
SETTINGS = (
    # name, datapoints a series, least and most loss, F1 to reach
    ("losses >= 20 %, 60 datapoints a series", 60, 0.2, 1.0, 0.95),
    ("losses >= 20 %, 10 datapoints a series", 10, 0.2, 1.0, 0.90),
    ("losses 5 to 20 %, 60 datapoints a series", 60, 0.05, 0.2, None),
    ("losses 5 to 20 %, 10 datapoints a series", 10, 0.05, 0.2, None),
)


@dataclass
class Score:
    """What came of some questions."""

    right: int = 0
    named: int = 0
    true: int = 0
    exact: int = 0
    wide: int = 0
    asked: int = 0
    seconds: list[float] = field(default_factory=list)

    @property
    def f1(self) -> float:
        """Twice the right ones, by all that were named and all that are true."""
        return 2.0 * self.right / (self.named + self.true)

    def add(self, lattice: Lattice, truth: tuple[Scope, ...], found: list[Scope]) -> None:
        """Compares the scopes of one outage by their cells."""
        true = {mask.tobytes(): mask for mask in map(lattice.members, truth)}
        told = {mask.tobytes(): mask for mask in map(lattice.members, found)}
        right = len(true.keys() & told.keys())
        self.right += right
        self.named += len(told)
        self.true += len(true)
        self.exact += right == len(true) == len(told)
        wrong = [mask for key, mask in told.items() if key not in true]
        self.wide += any((mask >= part).all() for mask in wrong for part in true.values())
        self.asked += 1


def run(options: Options) -> Report:
    """Everything."""
    report = Report()
    _outages(report, 120 if options.quick else 1_000)
    for name, kind in (("S", riskloc_sets.S), ("L", riskloc_sets.L)):
        _foreign(report, name, kind, 8 if options.quick else 200)
    report.note("for reference, F1 on their own data: RiskLoc 0.13-0.66, AutoRoot 0.83, HotSpot 0.52")
    report.note(
        f"a true cause adds {outages.LEAST_ADDED:g} bad datapoints or more on average; "
        f"healthy series lose {outages.NOISE:g}, p0 is {P0:g}"
    )
    report.note(
        "RiskLoc S and L: forecast errors become losses of healthy leaves (benchmarks.riskloc_sets); "
        "at most 4 causes are named, S has up to 9 elements, L up to 5; no bound"
    )
    _speed(report)
    return report


def _outages(report: Report, count: int) -> None:
    scores = [Score() for _ in SETTINGS]
    for number in range(count):
        if number % 100 == 0:
            say(f"outages {number} of {count}")
        fleet = outages.fleet(np.random.default_rng([1, number]))
        for place, (_, per_cell, least, most, _) in enumerate(SETTINGS):
            rng = np.random.default_rng([2, number, place])
            _ask(scores[place], fleet, outages.outage(rng, fleet, per_cell, least, most))
    for (name, _, _, _, bound), score in zip(SETTINGS, scores, strict=True):
        report.add(f"F1, {name}", score.f1, "", at_least=bound)
        report.add("  whole outage exact", 100.0 * score.exact / score.asked, "%")
        told = 1.0 if bound is not None else None
        report.add("  wider than the truth", 100.0 * score.wide / score.asked, "%", at_most=told)
        report.add("  CPU time a call, mean", 1e3 * statistics.mean(score.seconds), "ms")


def _ask(score: Score, fleet: Fleet, outage: Outage) -> None:
    localiser = Localiser(fleet.lattice)
    localiser.localise(outage.judged, outage.bad, P0)  # what stays from call to call
    begun = time.process_time()
    verdict = localiser.localise(outage.judged, outage.bad, P0)
    score.seconds.append(time.process_time() - begun)
    score.add(fleet.lattice, outage.scopes, [cause.scope for cause in verdict.causes])


def _foreign(report: Report, name: str, kind: riskloc_sets.Kind, count: int) -> None:
    say(f"RiskLoc {name}: {count} instances")
    lattice = riskloc_sets.lattice(kind)
    score = Score()
    for number in range(count):
        drawn = riskloc_sets.instance(np.random.default_rng([3, number]), kind)
        begun = time.process_time()
        verdict = Localiser(lattice).localise(drawn.judged, drawn.bad, drawn.acceptable, rho=drawn.rho)
        score.seconds.append(time.process_time() - begun)
        score.add(lattice, drawn.scopes, [cause.scope for cause in verdict.causes])
    report.add(f"F1, RiskLoc {name} ({lattice.cells:,} leaves)", score.f1, "")
    report.add("  CPU time a call, mean", 1e3 * statistics.mean(score.seconds), "ms")


def _speed(report: Report) -> None:
    """A fleet of 300 series, each second anew; one of 600,000."""
    zones, protocols = 12, outages.PROTOCOLS
    for hosts, bound in ((50, 4.0), (100_000, 40.0)):
        say(f"{hosts * len(protocols):,} series")
        spread = zones if hosts < 1_000 else 100
        lattice = Lattice()
        begun = time.process_time()
        lattice.add(
            [
                (
                    protocol,
                    "",
                    "external",
                    f"r{host % spread // 4}",
                    f"z{host % spread}",
                    "",
                    f"h{host}",
                )
                for host in range(hosts)
                for protocol in protocols
            ]
        )
        patterns = lattice.patterns
        if hosts > 1_000:
            took = time.process_time() - begun
            report.add(f"{lattice.cells:,} series into {patterns:,} patterns", took, "s", at_most=4.0)
        https: Scope = (("protocol", "https"),)
        for name, scope, loss in (("all lost", (), 1.0), ("16 % of https lost", https, 0.16)):
            share = np.where(lattice.members(scope), loss, outages.NOISE)
            judged = np.full(lattice.cells, 60, dtype=np.int32)
            bad = np.random.default_rng(4).binomial(judged, share).astype(np.int32)
            localiser = Localiser(lattice)
            took = min(_timed(localiser, judged, bad, scope) for _ in range(8))
            report.add(f"{lattice.cells:,} series, {name}, CPU time", took, "ms", at_most=bound)


def _timed(localiser: Localiser, judged: outages.Counts, bad: outages.Counts, scope: Scope) -> float:
    begun = time.process_time()
    verdict = localiser.localise(judged, bad, P0)
    took = 1e3 * (time.process_time() - begun)
    if [cause.scope for cause in verdict.causes] != [scope]:
        raise AssertionError(f"{verdict.causes} for {scope}")
    return took


if __name__ == "__main__":
    sys.exit(main("scopes of outages", run))
