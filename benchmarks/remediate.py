"""Verdicts on nodes: how soon, how often wrong, and what they cost.

    python -m benchmarks.remediate [--quick] [--json] [--check]

Each node has its own agent and two or four hosts that probe it directly, six endpoints each, of a
service that accepts a loss of 0.1 %. Wrong verdicts are counted over nodes that are all well: at 0.1 %
noise, and with bursts that hit everybody (the hourly ones of a month, brought closer together, one a
minute: their memory is gone within seconds). A false verdict alone withdraws nobody: an open loss has
to name the node as well.

Delays are those from the first bad slot to the verdict, in settled slots. Costs are processor time a
slot for 1,000 nodes with five vantages, 30,000 series, the reading of every node included.
"""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.report import Options, Report, main, say
from coalmine_aggregator.ledger.series import AllSeries
from coalmine_aggregator.model.fates import Fate
from coalmine_aggregator.model.remediation_policy import RemediationPolicy
from coalmine_aggregator.model.slot_cells import SlotCells
from coalmine_aggregator.remediate.node_watch import NodeWatch
from coalmine_aggregator.remediate.quorum import agreement
from coalmine_aggregator.remediate.vantage_detector import VantageDetector
from coalmine_aggregator.remediate.vantages import Vantages, vantages_of
from coalmine_wire.protocols import Protocol
from coalmine_wire.series import Location, make_series

P0 = 0.001
MONTH_S = 30 * 86_400
NODES = 100
"""A month of so many nodes is what false verdicts are told for."""

SIMULATED = 2_000
"""Nodes at once: the same as one node for as much longer."""

BURST_EVERY_S = 60
HOURS = 720
LOSSES = (1.0, 0.5, 0.2, 0.1, 0.05)
DELAYED = 500
MOST_DELAY_S = 600
QUICK_SHARE = 0.02
COSTLY_NODES, COSTLY_SLOTS = 1_000, 40

Mask = NDArray[np.bool_]


class Noise(NamedTuple):
    """Independent loss, and bursts of `burst` over `span_s` seconds, once an hour."""

    name: str
    loss: float
    burst: float = 0.0
    span_s: int = 0


NOISES = (
    Noise("0.1 % of all", 0.001),
    Noise("and 30 % for 1 s", 0.001, 0.3, 1),
    Noise("and 50 % for 1 s", 0.001, 0.5, 1),
    Noise("and 30 % for 2 s", 0.001, 0.3, 2),
)
EXPECTED = NOISES[:3]
"""What a fleet that is well does; the others are worse than anything that detectors allow for."""


def known(nodes: int, direct: int) -> tuple[AllSeries, NDArray[np.int64]]:
    """Series to so many nodes, each from its own agent and `direct` other hosts."""
    series = AllSeries()
    places = [(Location.INTERNAL, f"probe{number}") for number in range(direct)]
    for node in range(nodes):
        name = f"web{node}"
        for location, host in ((Location.ON_MACHINE, name), *places):
            for protocol in Protocol:
                each = make_series(
                    service="ingest",
                    protocol=protocol,
                    variant="" if host == name else f"node_{name}",
                    location=location,
                    region="r1",
                    zone=f"z{node % 4}",
                    host=host,
                )
                series.add(each, control=False)
    return series, np.arange(len(series))


class Verdicts:
    """Which nodes a quorum of two holds bad, slot by slot."""

    def __init__(self, nodes: int) -> None:
        self._vantages: Vantages = vantages_of(*known(nodes, 2))
        self._detector = VantageDetector(self._vantages, P0, RemediationPolicy().stale_s)
        self._slot = 0
        self.series = len(self._vantages.ids)
        self._all = np.ones(self.series, dtype=np.bool_)

    def see(self, bad: Mask) -> tuple[Mask, Mask]:
        """One slot; bool[nodes] twice: failed, and suspect."""
        self._slot += 1
        self._detector.step(self._slot, self._all, bad)
        opinions = self._detector.opinions(self._slot)
        agreed = agreement(self._vantages, opinions, RemediationPolicy().quorum)
        return agreed.bad, agreed.doubted & ~agreed.bad


def drawn(rng: np.random.Generator, series: int, loss: float) -> Mask:
    """Which are lost; few are, so that they are drawn by number."""
    bad = np.zeros(series, dtype=np.bool_)
    bad[rng.integers(0, series, rng.binomial(series, loss))] = True
    return bad


def noisy(rng: np.random.Generator, noise: Noise, series: int, slots: int) -> Iterator[Mask]:
    for slot in range(slots):
        bad = drawn(rng, series, noise.loss)
        if slot % BURST_EVERY_S < noise.span_s:
            bad |= rng.random(series) < noise.burst
        yield bad


def false_verdicts(noise: Noise, share: float) -> tuple[int, float, float]:
    """How often a node failed, how many of 1,000 nodes were suspect at any time, and the part of
    a month of `NODES` nodes that this is. Of bursts, a month are 720 for each node."""
    slots = int(MONTH_S * NODES / SIMULATED * share)
    if noise.span_s:
        slots = int(HOURS * NODES / SIMULATED * max(share, 0.2)) * BURST_EVERY_S
    verdicts, rng = Verdicts(SIMULATED), np.random.default_rng(1)
    failed = np.zeros(SIMULATED, dtype=np.bool_)
    times = suspects = 0
    for bad in noisy(rng, noise, verdicts.series, slots):
        before = failed
        failed, suspect = verdicts.see(bad)
        times += int(np.count_nonzero(failed & ~before))
        suspects += int(np.count_nonzero(suspect))
    months = slots * SIMULATED / (MONTH_S * NODES)
    if noise.span_s:
        months = slots // BURST_EVERY_S * SIMULATED / (HOURS * NODES)
    return times, suspects / (slots * SIMULATED) * 1000, months


def delays(loss: float) -> NDArray[np.int64]:
    """Slots from the first one with this loss to the verdict, int64[DELAYED], up to `MOST_DELAY_S`."""
    verdicts, rng = Verdicts(DELAYED), np.random.default_rng(2)
    for bad in noisy(rng, NOISES[0], verdicts.series, 60):
        verdicts.see(bad)
    found = np.full(DELAYED, MOST_DELAY_S)
    for slot in range(1, MOST_DELAY_S):
        failed, _ = verdicts.see(rng.random(verdicts.series) < loss)
        found[failed & (found == MOST_DELAY_S)] = slot
        if not (found == MOST_DELAY_S).any():
            break
    return found


def cost_ms(broken: int, loss: float) -> float:
    """Median processor time a slot while so many nodes are broken, all of them read."""
    series, ids = known(COSTLY_NODES, 4)
    watch = NodeWatch("ingest", P0, RemediationPolicy())
    watch.learn(series)
    nodes = series.codes("node")
    dead = np.isin(nodes, np.unique(nodes)[:broken])
    rng, expected, took = np.random.default_rng(3), object(), []
    for slot in range(COSTLY_SLOTS):
        bad = drawn(rng, len(ids), loss) | dead
        fates = np.where(bad, Fate.LOST, Fate.DELIVERED).astype(np.uint8)
        cells = SlotCells(slot, fates, ~bad, expected, np.zeros(0, dtype=np.int32))
        began = time.thread_time()
        watch.settle(cells)
        views = watch.views(slot)
        took.append((time.thread_time() - began) * 1000)
        assert views is not None
        assert len(views) == COSTLY_NODES
    return float(np.median(took[COSTLY_SLOTS // 2 :]))


def run(options: Options) -> Report:
    report = Report()
    _costs(report)
    for loss in LOSSES:
        found = np.sort(delays(loss))
        name = f"a node that loses {loss:.0%} of everything: failed after"
        report.add(name, float(found.mean()), "slots", at_most=3 if loss == 1 else None)
        report.add("    95 of 100 within", float(found[int(len(found) * 0.95)]), "slots")
        say(f"{loss:.0%}: {found.mean():.1f} slots")
    _wrong(report, NOISES, QUICK_SHARE if options.quick else 1.0)
    return report


def _costs(report: Report) -> None:
    gc.collect()
    for name, broken, loss in (
        ("all well", 0, 0.0),
        ("0.1 % noise", 0, 0.001),
        ("10 nodes broken", 10, 0.001),
        ("all nodes broken", COSTLY_NODES, 0.001),
    ):
        bound = None if broken == COSTLY_NODES else 3.0
        report.add(f"1,000 nodes, {name}", cost_ms(broken, loss), "ms a slot", at_most=bound)


def _wrong(report: Report, noises: Sequence[Noise], share: float) -> None:
    for noise in noises:
        times, suspects, months = false_verdicts(noise, share)
        report.add(
            f"{noise.name}: false verdicts in {months:.2f} months of 100 nodes",
            times,
            "",
            at_most=0 if noise in EXPECTED else None,
        )
        report.add("    of 1,000 nodes suspect at any time", suspects, "nodes")
        say(f"{noise.name}: {times} false verdicts in {months:.2f} months")


if __name__ == "__main__":
    sys.exit(main("Verdicts on nodes", run))
