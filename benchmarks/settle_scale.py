"""One slot of a very large fleet: settle, detect, localise; the time it takes and the memory.

    python -m benchmarks.settle_scale [--quick] [--json] [--check]

The engine is the real one, births and all; the evidence of each slot goes into its ledger directly,
since receiving and decoding are measured elsewhere (`ingest`) and reports are the broker's limit. What
counts is the processor time of one thread in `Engine.tick`: the tick that settles a slot, and the four
looks at the open slots between, of a healthy fleet and of outages of several shapes while they open,
while they last and when they end. The longest of all ticks of an outage, of whichever kind, is bounded;
beside it stands how long it took by the clock, which is longer where other programs share the cores.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.report import Options, Report, main, say
from coalmine_aggregator.engine import Engine
from coalmine_aggregator.ledger.evidence import FAILED, SENT
from coalmine_aggregator.model.policy import ServicePolicy
from coalmine_runtime import clock
from coalmine_wire.protocols import Protocol
from coalmine_wire.reports import Birth, Endpoint
from coalmine_wire.series import Location
from coalmine_wire.slots import SETTLE_S

T = 1_800_000_000
LOSS = 0.0002
QUIET_S, OUTAGE_S, AFTER_S = 12, 12, 14
"""Slots of each outage's story: before, while, after."""

Mask = NDArray[np.bool_]


class Outage(NamedTuple):
    """Which series go bad, as a function of (protocol, region, zone, host) numbers; how many of them;
    and whether their reports say so at once."""

    name: str
    hits: Callable[[Fleet], Mask]
    fraction: float
    failed: bool


class Took(NamedTuple):
    """One tick, in milliseconds: of the thread's processor time, and by the clock."""

    cpu: float
    wall: float


class Fleet:
    """Hosts with six endpoints each, over 10 regions of 4 zones."""

    def __init__(self, hosts: int) -> None:
        self.engine = Engine(
            fleet="scale", policies={"ingest": ServicePolicy("ingest", 0.001)}, sources=("tcp",), now=T
        )
        protocols = list(Protocol)
        for host in range(hosts):
            zone = host % 40
            self.engine.birth(
                Birth(
                    agent=f"h{host}",
                    boot="1",
                    revision=1,
                    first_slot=T + 1,
                    location=(Location.EXTERNAL, Location.INTERNAL)[zone % 4 == 3],
                    region=f"r{zone // 4}",
                    zone=f"z{zone}",
                    host=f"h{host}",
                    endpoints=[
                        Endpoint("ingest", protocol, 10 * host % 1000) for protocol in protocols
                    ],
                ),
                T + 0.5,
            )
        self.series = hosts * len(protocols)
        self.engine.table_changes()
        ids = np.arange(self.series)
        self.protocol = ids % len(protocols)
        self.host = ids // len(protocols)
        self.zone = self.host % 40
        self.ids = ids.astype(np.int32)
        self.slot = T + 1
        self._rng = np.random.default_rng(3)

    @property
    def ledger(self):  # type: ignore[no-untyped-def]
        """The engine's own."""
        return self.engine._ledger

    def write(self, bad: Mask, failed: bool) -> None:
        """What agents and receivers say of the slot under way."""
        slot, ledger = self.slot, self.ledger
        ledger.book.reach(slot + 2)
        arrived = self.ids[~bad]
        ledger.ring.count(np.full(len(arrived), slot, dtype=np.int64), arrived)
        row = ledger.ring.row(slot)[: self.series]
        row[:] = SENT
        if failed and bad.any():
            row[bad] = FAILED
            ledger.book.alarming = True

    def second(self, bad: Mask, failed: bool) -> list[Took]:
        """The settling tick and the four looks after it."""
        if self.slot % 8 == 0:  # reports are not written, so nobody would be heard
            self.engine._roster.settle_in(self.slot + 1.0)
        self.write(bad, failed)
        ticks = [self._tick(self.slot + 1.0 + fifth / 5) for fifth in range(5)]  # settles slot - 2
        self.slot += 1
        return ticks

    def _tick(self, now: float) -> Took:
        began, began_cpu = time.perf_counter(), time.thread_time()
        self.engine.tick(now)
        cpu, wall = time.thread_time() - began_cpu, time.perf_counter() - began
        return Took(cpu * 1000, wall * 1000)

    def noise(self) -> Mask:
        """Which datapoints are lost all the same."""
        mask = np.zeros(self.series, dtype=np.bool_)
        lost = self._rng.integers(0, self.series, self._rng.poisson(self.series * LOSS))
        mask[lost] = True
        return mask

    def draw(self, hits: Mask, fraction: float) -> Mask:
        """A part of `hits`."""
        return hits if fraction >= 1 else hits & (self._rng.random(self.series) < fraction)


OUTAGES: Sequence[Outage] = (
    Outage("all udp lost", lambda fleet: fleet.protocol == 2, 1.0, False),
    Outage("16 % of https lost", lambda fleet: fleet.protocol == 5, 0.16, False),
    Outage("one zone refused", lambda fleet: fleet.zone == 7, 1.0, True),
    Outage("one host lost", lambda fleet: fleet.host == 4242, 1.0, False),
    Outage("everything refused", lambda fleet: fleet.host >= 0, 0.9, True),
)


class Costs(NamedTuple):
    """Milliseconds of processor time: the settling ticks of a story and the sums of its looks; and all
    of its ticks."""

    settle: list[float]
    looks: list[float]
    ticks: list[Took]

    @property
    def second_ms(self) -> float:
        """A whole second, on average."""
        return float(np.mean(self.settle) + np.mean(self.looks))

    @property
    def longest(self) -> Took:
        """Each for itself: what took longest by the clock may have waited for a core."""
        return Took(max(tick.cpu for tick in self.ticks), max(tick.wall for tick in self.ticks))


def story(fleet: Fleet, outage: Outage | None, seconds: int) -> tuple[Costs, list[str]]:
    """The costs of each second, and the scopes that were told."""
    costs, told = Costs([], [], []), list[str]()
    hits = outage.hits(fleet) if outage else None
    for second in range(seconds):
        bad = fleet.noise()
        under_way = outage is not None and QUIET_S <= second < QUIET_S + OUTAGE_S
        if outage is not None and hits is not None and under_way:
            bad |= fleet.draw(hits, outage.fraction)
        settle, *looks = fleet.second(bad, bool(outage and outage.failed and under_way))
        costs.settle.append(settle.cpu)
        costs.looks.append(sum(look.cpu for look in looks))
        costs.ticks.extend((settle, *looks))
        for alert in fleet.engine.open_alerts():
            scope = " ".join(f"{label}={value}" for label, value in alert.scope) or "everything"
            if not told or told[-1] != scope:
                told.append(scope)
    return costs, told


def measure(report: Report, hosts: int, bound_ms: float, stories: Sequence[Outage]) -> None:
    """Adds the figures of one size."""
    began = clock.monotonic()
    fleet = Fleet(hosts)
    label = f"{fleet.series:,} series"
    say(f"{label}: born in {clock.monotonic() - began:.0f} s")
    story(fleet, None, SETTLE_S + 4)
    before_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    costs, _ = story(fleet, None, 20)
    report.add(
        f"{label}: a healthy slot, median", float(np.median(costs.settle)), "ms", at_most=bound_ms
    )
    report.add(f"{label}: a healthy second with its looks", costs.second_ms, "ms of CPU")
    for outage in stories:
        costs, told = story(fleet, outage, QUIET_S + OUTAGE_S + AFTER_S)
        during = costs.settle[QUIET_S : QUIET_S + OUTAGE_S + 4]
        typical, longest = float(np.median(during)), costs.longest
        report.add(f"{label}: {outage.name}, median slot", typical, "ms", at_most=bound_ms)
        report.add(f"{label}: {outage.name}, longest tick", longest.cpu, "ms", at_most=bound_ms)
        report.add(f"{label}: {outage.name}, longest tick by the clock", longest.wall, "ms")
        report.add(
            f"{label}: {outage.name}, a second with its looks",
            float(np.mean(during) + np.mean(costs.looks[QUIET_S : QUIET_S + OUTAGE_S + 4])),
            "ms of CPU",
        )
        report.note(f"{label}: {outage.name}: told {', then '.join(told) or 'nothing'}")
    patterns = sum(service.loss.patterns for service in fleet.engine.judge.services.values())
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    report.add(f"{label}: patterns watched", patterns, "patterns")
    report.add(f"{label}: peak memory of the process", max(before_mib, peak_mib), "MiB", at_most=1024)


def run(options: Options) -> Report:
    """Small first: memory is a peak."""
    report = Report()
    report.note("reference, a prototype: 11-14 ms settle and detect, 9-19 ms localise, 400 MiB")
    measure(report, 1_000, 5.0, OUTAGES)
    stories = (OUTAGES[0], OUTAGES[4]) if options.quick else OUTAGES
    measure(report, 100_000, 100.0, stories)
    return report


if __name__ == "__main__":
    sys.exit(main("settle, detect and localise one slot", run))
