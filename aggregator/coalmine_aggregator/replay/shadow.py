"""What remediation would have done over recorded history, by the rules of a configuration.

Minutes in which no node can have failed and no wide loss can have begun are passed over; the others are
judged second by second, with the minute before them, until all is well again.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator, Sequence

import sqlalchemy as sa

from coalmine_aggregator.history.minute_layout import SECONDS
from coalmine_aggregator.judge.judge import Evidence, Judge
from coalmine_aggregator.model.policy import DetectionPolicy, ServicePolicy
from coalmine_aggregator.model.remediation_policy import RemediationPolicy
from coalmine_aggregator.remediate.remediator import Remediator, Settled
from coalmine_aggregator.remediate.turn import Controls, Turn
from coalmine_aggregator.replay.history import PAUSE_S, Period, open_existing
from coalmine_aggregator.replay.progress import Meter
from coalmine_aggregator.replay.recorded_nodes import Quiet, SlotsByRoster
from coalmine_aggregator.replay.shadow_report import ShadowReport, as_text
from coalmine_aggregator.settings import AggregatorSettings
from coalmine_aggregator.store.recorded_series import MOST_MINUTES, RecordedMinute, RecordedSeries
from coalmine_runtime.printable import printable
from coalmine_wire.slots import SETTLE_S

Watch = Callable[[int], None]


class NoServiceError(ValueError):
    """Nothing was asked for that could be looked at; says what."""


def shadow(
    settings: AggregatorSettings, url: str, period: Period, services: Sequence[str], watch: Watch
) -> Iterator[ShadowReport]:
    """A report of each of these services, of those that opted in where none is named, over what a store
    has of `period`. Whoever did not opt in is judged by the same rules. Raises `StoreError`,
    `NoServiceError`."""
    rules = settings.remediation
    named = list(services or rules.services)
    if not named:
        raise NoServiceError("no service has opted in to remediation: name one to ask for it")
    unknown = [name for name in named if name not in settings.services]
    if unknown:
        known = ", ".join(settings.services)
        raise NoServiceError(f'"{unknown[0]}" is no service of the configuration (known: {known})')
    remediation = dataclasses.replace(rules, services=named).policies()
    engine = open_existing(url)
    try:
        for name, policy in remediation.items():
            service, detection = settings.policies()[name], settings.detection.policy()
            yield _Shadow(engine, service, policy, detection, period).report(watch)
    finally:
        engine.dispose()


class _Shadow:
    """One service."""

    def __init__(
        self,
        engine: sa.Engine,
        service: ServicePolicy,
        policy: RemediationPolicy,
        detection: DetectionPolicy,
        period: Period,
    ) -> None:
        self._engine, self._period = engine, period
        name, policy = service.name, policy._replace(dry_run=True)
        with self._connect() as connection:
            self._recorded = RecordedSeries(connection, name)
            self._bounds = self._recorded.bounds(connection)
        series = self._recorded.series
        self._judge = Judge("shadow", {name: service}, detection, began=period.first)
        self._remediator = Remediator({name: policy}, self._judge.services, {})
        self._quiet = Quiet(series, service.acceptable_loss, policy.quorum)
        self._slots = SlotsByRoster(series, self._recorded.roster)
        self._report = ShadowReport(name, period.first, period.end, policy)
        self._last = period.first - 1  # the newest slot that was looked at
        # Nobody is withdrawn before what an earlier run might have said has ended.
        self._warm_until = period.first // SECONDS + 1 + math.ceil(policy.lease_s / SECONDS)

    def report(self, watch: Watch) -> ShadowReport:
        """All of it; `watch` is told how many seconds of the period are done."""
        idle, before = True, None
        for minute in self._minutes():
            expected = int(self._recorded.roster(int(minute.roster[-1])).sum())
            busy = self._quiet.busy(minute, expected)
            within = (minute.slot >= self._period.first) & (minute.slot < self._period.end)
            self._report.seen += int(within.sum())
            if busy or not idle or minute.minute < self._warm_until:
                if before is not None and before.minute == minute.minute - 1:
                    self._look_at(before)
                idle = self._look_at(minute)
            before = minute
            watch((minute.minute + 1) * SECONDS - self._period.first)
        return self._report

    def _minutes(self) -> Iterator[RecordedMinute]:
        if self._bounds is None:
            return
        period, (oldest, newest) = self._period, self._bounds
        first = max(period.first // SECONDS, oldest)
        end = min(-(-period.end // SECONDS), newest + 1)
        for start in range(first, end, MOST_MINUTES):
            with self._connect() as connection:
                minutes = self._recorded.minutes(connection, start, min(end, start + MOST_MINUTES))
            yield from minutes

    def _look_at(self, minute: RecordedMinute) -> bool:
        """Second by second, as far as that was not done; whether nothing is left to be seen to."""
        turn: Turn | None = None
        for cells in self._slots.slots(minute):
            if not self._last < cells.slot < self._period.end:
                continue
            if cells.slot - self._last > PAUSE_S:
                self._judge.pause(cells.slot)
            self._last = cells.slot
            series, now = self._recorded.series, float(cells.slot + SETTLE_S)
            self._judge.step(Evidence(cells=(cells,)), series, now)
            turn = self._remediator.step(Settled((cells,)), series, Controls(), now)
            self._report.take(turn, cells, series)
        self._judge.kept(self._last)  # what a store would be given is let go
        if turn is None:
            return True
        wanted = turn.wanted.get(self._report.service)
        open_losses = self._judge.services[self._report.service].loss.causes
        return not (open_losses or (wanted and (wanted.out or wanted.held or wanted.frozen)))

    def _connect(self) -> sa.Connection:
        return self._engine.connect().execution_options(coalmine_reads=True)


def print_shadow(
    settings: AggregatorSettings, url: str, period: Period, services: Sequence[str]
) -> None:
    """The same as text on standard output. Raises `StoreError`, `NoServiceError`."""
    with Meter("shadow", period.end - period.first) as meter:
        reports = list(shadow(settings, url, period, services, meter.at))
    for index, report in enumerate(reports):
        if index:
            print()  # noqa: T201
        for line in as_text(report):
            print(printable(line))  # noqa: T201
