"""`/metrics`: the aggregator's numbers for Prometheus, with bounded label sets.

Two families count fates. `coalmine_datapoints_total` is a counter: a slot is added once it is
`FINAL_AFTER_S` old, when reports that come late have revised it, so that it never has to be taken
back. `coalmine_recent_datapoints` is a gauge over the newest minute, revised while it is shown.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from coalmine_aggregator.model.fates import Fate
from coalmine_aggregator.web.feed import Feed
from coalmine_aggregator.web.spans import newest_settled
from coalmine_aggregator.web.view import Health, View
from coalmine_runtime.logs import get_logger

log = get_logger("web")

GROUP = ("service", "protocol", "region")

FINAL_AFTER_S = 60
RECENT_S = 60

MAX_GROUPS = 1000
"""Groups told apart; what comes later is added up under `OTHER`."""

OTHER = "_other"

MAX_CATCH_UP_S = 300
"""How far the counters look back after a pause."""

_Key = tuple[str, ...]
_Values = Iterable[tuple[Sequence[str], float]]


class Metrics(Collector):
    """Collects from the view when it is scraped."""

    def __init__(self, view: View, feed: Feed, others: Iterable[Collector] = ()) -> None:
        """`others` are told beside the view."""
        self._view = view
        self._feed = feed
        self._now = 0.0
        self._counted_to: int | None = None
        self._totals: Counter[_Key] = Counter()
        self._groups: set[_Key] = set()
        self._registry = CollectorRegistry()
        for collector in (self, *others):
            self._registry.register(collector)
        ProcessCollector(registry=self._registry)

    def describe(self) -> Iterable[Metric]:
        """Nothing: keeps registration from collecting."""
        return ()

    def advance(self, now: float) -> None:
        """Adds the slots that have become final by `now` to the counters."""
        health = self._view.health()
        final = newest_settled(health, now) - FINAL_AFTER_S
        if self._counted_to is None:
            # What was restored from before the start is no count of this process.
            self._counted_to = max(min(final, int(health.started_at)), final - MAX_CATCH_UP_S)
        first = max(self._counted_to + 1, final - MAX_CATCH_UP_S + 1)
        if final < first:
            return
        if first > self._counted_to + 1:
            log.warning("web.metrics.skipped", slots=first - self._counted_to - 1)
        self._counted_to = final
        for group in self._view.rates(GROUP, {}, first, final):
            key = self._bounded(tuple(group.labels[label] for label in GROUP))
            for fate in Fate:
                self._totals[(*key, fate.label)] += sum(row[fate] for row in group.fates)

    def render(self, now: float) -> bytes:
        """The exposition in the text format 0.0.4."""
        self._now = now
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """Every family."""
        health = self._view.health()
        yield from self._fates(newest_settled(health, self._now))
        yield from self._receivers(health)
        yield from self._itself(health)
        yield from self._people()
        yield from self._objectives()

    def _fates(self, last: int) -> Iterator[Metric]:
        labels = (*GROUP, "fate")
        yield _counter(
            "coalmine_datapoints",
            "Datapoints by fate, added when a minute old.",
            labels,
            self._totals.items(),
        )
        recent: Counter[_Key] = Counter()
        received: Counter[_Key] = Counter()
        expected: Counter[_Key] = Counter()
        for group in self._view.rates(GROUP, {}, last - RECENT_S + 1, last):
            key = self._bounded(tuple(group.labels[label] for label in GROUP))
            for fate in Fate:
                recent[(*key, fate.label)] += sum(row[fate] for row in group.fates)
            if group.slots and group.slots[-1] == last:
                received[key] += group.received[-1]
                expected[key] += group.expected[-1]
        yield _gauge(
            "coalmine_recent_datapoints",
            "Datapoints of the newest settled minute by fate.",
            labels,
            recent.items(),
        )
        yield _gauge(
            "coalmine_received_datapoints",
            "Sum rate: datapoints of the newest settled second.",
            GROUP,
            received.items(),
        )
        yield _gauge(
            "coalmine_expected_datapoints",
            "Datapoints scheduled for the newest settled second.",
            GROUP,
            expected.items(),
        )

    def _receivers(self, health: Health) -> Iterator[Metric]:
        yield _counter(
            "coalmine_receipts",
            "Datapoints that arrived, by receipt source.",
            ("source",),
            {(source,): count for source, count in health.receipts.items()}.items(),
        )
        yield _counter(
            "coalmine_rejects",
            "Input that was refused, by receipt source and reason.",
            ("source", "reason"),
            health.rejects.items(),
        )
        yield _counter(
            "coalmine_odd_receipts",
            "Receipts kept out of every sum, by kind.",
            ("kind",),
            {(kind,): count for kind, count in self._view.oddities().items()}.items(),
        )
        yield _gauge(
            "coalmine_open_connections",
            "Connections open now, by receipt source.",
            ("source",),
            {(source,): count for source, count in health.connections.items()}.items(),
        )

    def _itself(self, health: Health) -> Iterator[Metric]:
        yield _gauge(
            "coalmine_build_info", "The version.", ("version",), {(health.version,): 1}.items()
        )
        yield _single("coalmine_start_time_seconds", "Start, Unix time.", health.started_at)
        if health.settled is not None:
            yield _single(
                "coalmine_settled_slot_timestamp_seconds",
                "Newest settled slot, Unix time.",
                health.settled,
            )
        yield _single(
            "coalmine_settle_lag_seconds",
            "How long after it was due the newest slot was settled.",
            health.settle_lag_s,
        )
        yield _single("coalmine_settle_duration_seconds", "How long settling it took.", health.settle_s)
        yield _gauge(
            "coalmine_ready",
            "Whether a check of readiness holds.",
            ("check",),
            {(check.name,): int(check.ok) for check in health.checks}.items(),
        )
        queues = health.queues
        yield _gauge(
            "coalmine_queue_items",
            "Items that wait in a queue.",
            ("queue",),
            {(name,): queue.depth for name, queue in queues.items()}.items(),
        )
        yield _gauge(
            "coalmine_queue_bound",
            "Items that fit into a queue.",
            ("queue",),
            {(name,): queue.bound for name, queue in queues.items()}.items(),
        )
        yield _counter(
            "coalmine_queue_dropped",
            "Items dropped because a queue was full.",
            ("queue",),
            {(name,): queue.dropped for name, queue in queues.items()}.items(),
        )

    def _people(self) -> Iterator[Metric]:
        statuses = Counter((agent.status,) for agent in self._view.agents(self._now))
        yield _gauge("coalmine_agents", "Agents by status.", ("status",), statuses.items())
        alerts = Counter(
            (alert.service, str(alert.alert_class), str(alert.severity))
            for alert in self._view.open_alerts()
        )
        yield _gauge(
            "coalmine_open_alerts", "Open alerts.", ("service", "class", "severity"), alerts.items()
        )
        health = self._view.health()
        yield _counter(
            "coalmine_deliveries",
            "Attempts to tell a receiver of an alert, by result.",
            ("receiver", "result"),
            health.deliveries.items(),
        )
        yield _gauge(
            "coalmine_deliveries_pending",
            "Messages that a receiver has not taken yet.",
            ("receiver",),
            {(name,): count for name, count in health.undelivered.items()}.items(),
        )
        yield _single("coalmine_viewers", "Open live feeds.", len(self._feed.viewers))
        yield _counter(
            "coalmine_viewers_ended",
            "Live feeds refused at the bound or cut off for being slow.",
            ("why",),
            {("refused",): self._feed.refused, ("cut_off",): self._feed.cut_off}.items(),
        )

    def _objectives(self) -> Iterator[Metric]:
        services = sorted(self._view.slo().items())[:MAX_GROUPS]
        yield _gauge(
            "coalmine_error_budget_left",
            "Share of the error budget that is left over the window of the objective.",
            ("service",),
            [((service,), slo.left) for service, slo in services if math.isfinite(slo.left)],
        )
        yield _gauge(
            "coalmine_burn_rate",
            "Speed at which the error budget is spent, by window; 1 spends it over the objective's.",
            ("service", "window"),
            [
                ((service, window), rate)
                for service, slo in services
                for window, rate in slo.burn.items()
                if rate is not None and math.isfinite(rate)
            ],
        )

    def _bounded(self, key: _Key) -> _Key:
        if key in self._groups:
            return key
        if len(self._groups) >= MAX_GROUPS:
            return (OTHER,) * len(key)
        self._groups.add(key)
        if len(self._groups) == MAX_GROUPS:
            log.warning("web.metrics.full", groups=MAX_GROUPS)
        return key


def _counter(name: str, documentation: str, labels: Iterable[str], values: _Values) -> Metric:
    family = CounterMetricFamily(name, documentation, labels=list(labels))
    for key, value in values:
        family.add_metric(list(key), value)
    return family


def _gauge(name: str, documentation: str, labels: Iterable[str], values: _Values) -> Metric:
    family = GaugeMetricFamily(name, documentation, labels=list(labels))
    for key, value in values:
        family.add_metric(list(key), value)
    return family


def _single(name: str, documentation: str, value: float) -> Metric:
    return GaugeMetricFamily(name, documentation, value=value)
