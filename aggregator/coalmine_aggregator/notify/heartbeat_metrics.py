"""What became of heartbeats, for `/metrics`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from coalmine_aggregator.notify.heartbeat import Heartbeat


class HeartbeatMetrics(Collector):
    """Reads the heartbeat's counts when it is scraped."""

    def __init__(self, heartbeat: Heartbeat) -> None:
        self._heartbeat = heartbeat

    def describe(self) -> Iterable[Metric]:
        """Nothing: keeps registration from collecting."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Every family."""
        yield CounterMetricFamily(
            "coalmine_heartbeats_sent",
            "Heartbeats that were taken, those that tell of a miscount too.",
            value=self._heartbeat.sent,
        )
        yield CounterMetricFamily(
            "coalmine_heartbeats_failed", "Heartbeats that nobody took.", value=self._heartbeat.failed
        )
