"""From the moment at which a service breaks to the alert in Alertmanager, beside the usual way.

    python -m benchmarks.detection_delay [--quick] [--json] [--check]

Everything is real and on loopback: an aggregator with its embedded broker, and agents that send by TCP
and UDP to services, each of which loses one protocol altogether, again and again, at moments all over
the second: TCP is refused, or UDP is taken and dropped. A delay begins just before the service is told
to break and ends when Alertmanager's own API, asked every 20 ms, shows the alert. The next break waits
until it is closed there. Prometheus with blackbox_exporter watches the TCP listener of one of the
services and tells the same Alertmanager.

Each delay is taken apart: `evidence` is until the statistic could be over the threshold if nothing took
any time (a datapoint that is refused counts at once, one that vanishes when its slot is settled),
`deciding` from there to the engine's decision, `handing over` from there to the alert being shown.

A machine that stalls makes agents' seconds unknown, which is neither good nor bad. A break during which
that happened is taken again, whatever its delay was, and counted apart.
"""

from __future__ import annotations

import asyncio
import math
import random
import statistics
import sys
import tempfile
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
import uvloop
from numpy.typing import NDArray

from benchmarks import cusum_delay, report
from benchmarks.peers.probe_alerts import FAST, USUAL, Pace
from benchmarks.processes.detection_site import DetectionSite, Moment
from coalmine_aggregator.detect.bank import Bank
from coalmine_aggregator.detect.noise import PRIOR
from coalmine_runtime import clock
from coalmine_wire.slots import SETTLE_S

AGENTS = 24
LEAST_AGENTS = 17
"""So many series must be lost for the first slot to be enough."""

BOUNDS_S = {"refuse": 2.5, "lose": 4.0}
WORDS = {"refuse": "TCP refused", "lose": "UDP lost silently"}
PROTOCOLS = {"refuse": "tcp", "lose": "udp"}

BREAKS, QUICK_BREAKS = 12, 4
AGAIN_S, QUICK_AGAIN_S = 240.0, 28.0
"""So long after the start, breaks that were disturbed are taken again; later ones count as they are."""

SERVICES = ("refuse-1", "refuse-2", "lose-1", "lose-2")
"""Two a kind, so that one may close while the other breaks."""

PROBED = "refuse-1"
"""The service whose TCP listener Prometheus watches."""

P0 = 0.001
LONGEST_S = 30.0
PEER_LONGEST_S = 180.0

SEED = 3


class Delay(NamedTuple):
    """One break's delay and its parts, in seconds. NaN where the alert did not come."""

    total: float
    evidence: float = math.nan
    deciding: float = math.nan
    handing_over: float = math.nan
    threshold: float = math.nan


NEVER = Delay(math.nan)


def evidence_s(phases_s: Sequence[float], at: float, threshold: float, kind: str) -> float:
    """Seconds after a break at `at`, in [0, 1), until the statistic reaches `threshold`.

    `phases_s` is when in the second each agent sends by the broken protocol. Nothing takes any time,
    and the noise is what holds before anything is learned.
    """
    bank = Bank(P0, PRIOR)
    bank.resize(1)
    one, everyone = np.zeros(1, dtype=np.int64), _count(len(phases_s))
    bank.expect(everyone)
    for slot in range(10):
        lost = sorted(phase for phase in phases_s if slot + phase >= at)
        if kind == "refuse":
            for bad, phase in enumerate(lost, 1):
                look = bank.look([(one, everyone, _count(bad))])
                if look.statistic[0] >= threshold:
                    return slot + phase - at
        bank.settle(one, everyone, _count(len(lost)))
        if len(bank.over(threshold)):
            return slot + SETTLE_S - at
    return math.nan


def _count(number: int) -> NDArray[np.int32]:
    return np.array([number], dtype=np.int32)


@dataclass
class Lane:
    """What became of one service's breaks; `peers` is how long Prometheus took."""

    delays: list[Delay] = field(default_factory=list)
    peers: dict[Pace, float] = field(default_factory=dict)
    disturbed: int = 0


async def lane(
    site: DetectionSite,
    service: str,
    moments: Sequence[float],
    paces: Sequence[Pace],
    again_until: float,
) -> Lane:
    """Breaks a service at `moments` of the second, one after the other, each until it is closed.

    The last break lasts until Prometheus at each of `paces` has seen it, too.
    """
    kind = service.partition("-")[0]
    found = Lane()
    due = deque(moments)
    while due:
        moment = due.popleft()
        await site.until_over(service)
        await asyncio.sleep((moment - clock.wall()) % 1.0)
        began = Moment(clock.monotonic(), clock.wall())
        await site.tell(f"{kind} {service}")
        shown = await site.shown(service, LONGEST_S)
        delay = NEVER if shown is None else await _apart(site, service, kind, began, shown)
        report.say(f"{service}: at .{moment * 1000:03.0f}, {delay.total:.2f} s")
        for pace in () if due else paces:
            seen = await site.shown_by(pace, PEER_LONGEST_S)
            found.peers[pace] = seen - began.mono if seen else math.nan
            report.say(f"{service}: Prometheus {pace.words}: {found.peers[pace]:.2f} s")
        await site.tell(f"repair {service}")
        decided = math.floor(began.wall + delay.total) if shown else math.floor(began.wall)
        last = decided - (SETTLE_S if kind == "lose" and shown else 0)
        unknown = await site.unknown(service, math.floor(began.wall), last)
        if unknown and clock.monotonic() < again_until:
            report.say(f"{service}: again, {unknown} datapoints are unknown")
            found.disturbed += 1
            due.append(moment)
        else:
            found.delays.append(delay)
    return found


async def _apart(site: DetectionSite, service: str, kind: str, began: Moment, shown: float) -> Delay:
    """Takes a delay apart."""
    total = shown - began.mono
    told = await site.opening(service)
    if told is None:
        return Delay(total)
    phases = site.phases_s(service, PROTOCOLS[kind])
    evidence = evidence_s(phases, began.wall % 1.0, told.threshold, kind)
    decided = told.at - began.wall
    return Delay(total, evidence, decided - evidence, total - decided, told.threshold)


async def measure(options: report.Options, result: report.Report) -> None:
    """The lanes, beside each other."""
    until = clock.monotonic() + (QUICK_AGAIN_S if options.quick else AGAIN_S)
    draw = random.Random(SEED)
    breaks = QUICK_BREAKS if options.quick else BREAKS
    paces = [FAST] if options.quick else [FAST, USUAL]
    lanes: dict[str, asyncio.Task[Lane]] = {}
    with tempfile.TemporaryDirectory(prefix="coalmine-delay-") as folder:
        site = DetectionSite(Path(folder), AGENTS, SERVICES, probed=PROBED, paces=paces)
        async with site, asyncio.TaskGroup() as group:
            report.say(f"{AGENTS} agents send to {len(SERVICES)} services")
            for kind in BOUNDS_S:
                moments = [(index + draw.random()) / breaks for index in range(breaks)]
                draw.shuffle(moments)
                mine = [name for name in SERVICES if name.startswith(kind)]
                # The probed service waits for its peers and has fewer breaks.
                few = 2 if PROBED in mine else breaks // 2
                for name, part in zip(mine, (moments[:few], moments[few:]), strict=True):
                    waited = paces if name == PROBED else ()
                    lanes[name] = group.create_task(lane(site, name, part, waited, until))
    found = {name: task.result() for name, task in lanes.items()}
    for kind, bound in BOUNDS_S.items():
        delays = [each for name in found if name.startswith(kind) for each in found[name].delays]
        _tell(result, WORDS[kind], delays, bound)
    for pace, seen in found[PROBED].peers.items():
        result.add(f"TCP refused: Prometheus + blackbox_exporter, {pace.words}", seen, "s")
    _tell_limits(result, site, [delay for each in found.values() for delay in each.delays])
    if disturbed := sum(each.disturbed for each in found.values()):
        result.note(f"{disturbed} breaks were taken again: seconds of agents were unknown meanwhile")


def _tell(result: report.Report, what: str, delays: Sequence[Delay], bound: float) -> None:
    totals = [delay.total for delay in delays]
    worst = max(totals) if not any(map(math.isnan, totals)) else math.nan
    result.add(f"{what}: break to alert, longest of {len(totals)}", worst, "s", at_most=bound)
    result.add(f"{what}: median", statistics.median(totals), "s")
    for part in ("evidence", "deciding", "handing_over"):
        known = [each for delay in delays if not math.isnan(each := getattr(delay, part))]
        if known:
            name = part.replace("_", " ")
            result.add(f"{what}: of which {name}", statistics.median(known), "s")
            result.add(f"{what}: of which {name}, longest", max(known), "s")


def _tell_limits(result: report.Report, site: DetectionSite, delays: Sequence[Delay]) -> None:
    """How long the evidence itself takes at the worst moment, with these agents and with the fewest."""
    threshold = max((each.threshold for each in delays if not math.isnan(each.threshold)), default=0.0)
    if not threshold:
        return
    for agents in (AGENTS, LEAST_AGENTS):
        for kind, protocol in PROTOCOLS.items():
            phases = site.phases_s(f"{kind}-1", protocol)[:agents]
            worst = max(evidence_s(phases, at / 200, threshold, kind) for at in range(200))
            name = f"{WORDS[kind]}: evidence of {agents} agents at the worst moment"
            result.add(name, worst, "s")


def run(options: report.Options) -> report.Report:
    """Breaks first, then the statistics of partial loss."""
    result = report.Report()
    uvloop.run(measure(options, result))
    partial = cusum_delay.run(options)
    for figure in partial.figures:
        if figure.name.startswith("2 %"):
            result.figures.append(figure)
    result.note(
        f"{AGENTS} agents, {len(SERVICES)} services that break independently, thresholds for one false "
        "page a year; Alertmanager waits for no group (group_wait 0 s), whoever tells it"
    )
    result.note(
        "what is lost silently blackbox_exporter never sees: it sends no datagrams, and by "
        "TCP its connection succeeds"
    )
    result.note(
        "references: Prometheus every 15s, for 1m takes 60 to 90 s, Alertmanager's usual group_wait "
        "adds 30 s; a 14.4x burn-rate alert at 99.9 % sees a loss of 2 % after 43 minutes"
    )
    return result


if __name__ == "__main__":
    sys.exit(report.main("Seconds from a break to the page", run))
