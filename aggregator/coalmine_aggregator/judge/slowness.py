"""Slowness and certificates: what reports say beside the fates, as tickets. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from coalmine_aggregator.detect.certificates import Certificates, Expiring
from coalmine_aggregator.detect.slow import P1S, Slow, Slowness
from coalmine_aggregator.detect.thresholds import threshold
from coalmine_aggregator.ledger.series import AllSeries
from coalmine_aggregator.model.alerts import AlertClass, Severity
from coalmine_aggregator.model.explanation import Explanation, Statistic
from coalmine_aggregator.model.findings import Finding
from coalmine_aggregator.model.policy import DetectionPolicy
from coalmine_aggregator.model.scopes import describe
from coalmine_aggregator.model.timings import Timings

EVERY_S = 60
"""Certificates are looked at so often."""


class SlownessWatch:
    """All services; those in `services` are told of."""

    def __init__(self, services: Collection[str], detection: DetectionPolicy) -> None:
        self._services = frozenset(services)
        self._detection = detection
        self._slow = Slow()
        self._certificates = Certificates()
        self._leaves = 0
        self._looked = 0
        self._expiring: list[Expiring] = []

    def settle(
        self, slot: int, timings: Timings, series: AllSeries, unhealthy: Collection[str]
    ) -> None:
        """One settled slot, with what reports said since the one before."""
        fresh = series.leaves[self._leaves :]
        if fresh:
            self._slow.add(fresh)
            self._leaves += len(fresh)
        leaf = series.leaf(len(series))
        if len(timings.series) or self._slow.open:
            value = threshold(self._slow.groups, self._detection.false_pages_per_year, bank=len(P1S))
            leaves = leaf[timings.series].astype(np.int32)
            self._slow.step(slot, leaves, timings.steps_us, threshold=value, unhealthy=unhealthy)
        if timings.ends:
            self._certificates.tell(timings.ends, slot)
        if timings.ends or slot - self._looked >= EVERY_S or slot < self._looked:
            self._looked = slot
            self._expiring = self._certificates.expiring(
                slot, self._detection.certificate_days, leaf, series.leaves
            )

    def findings(self) -> list[Finding]:
        """What is slow, and what is about to end."""
        slow = [_slow(each) for each in self._slow.open if each.service in self._services]
        return slow + [_expiring(each) for each in self._expiring if each.service in self._services]

    def learned(self) -> dict[str, Any]:
        """The baseline of step times, to be kept."""
        return self._slow.to_dict()

    def restore(self, kept: object) -> None:
        """What an earlier run learned; anything else is nothing."""
        if isinstance(kept, Mapping):
            self._slow.restore(kept)


def _slow(each: Slowness) -> Finding:
    step = f", most of it in {each.step}" if each.step else ""
    return Finding(
        AlertClass.SLOW,
        each.service,
        f"slow {describe(each.scope)}",
        Severity.TICKET,
        each.scope,
        each.since,
        note=(
            f"{each.slow} of {each.judged} datapoints slow; median {each.p50_ms:.1f} ms, "
            f"95% below {each.p95_ms:.1f} ms, usually {each.baseline_p50_ms:.1f} and "
            f"{each.baseline_p95_ms:.1f}{step}"
        ),
        explanation=Explanation(
            each.since,
            0,
            (
                Statistic(
                    "slow datapoints",
                    each.scope,
                    each.statistic,
                    each.threshold,
                    None,
                    each.judged,
                    each.slow,
                ),
            ),
        ),
    )


def _expiring(each: Expiring) -> Finding:
    days = abs(each.days_left)
    when = f"in {days:.0f} days" if each.days_left > 0 else f"{days:.0f} days ago"
    ends = "ends" if each.days_left > 0 else "ended"
    return Finding(
        AlertClass.CERTIFICATE,
        each.service,
        each.handle,
        Severity.TICKET,
        each.scope,
        each.ends_at,
        note=f"a certificate {ends} {when}, seen by {each.series} series",
    )
