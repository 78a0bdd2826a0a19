"""What became of questions of history before they reached a reader process, for `/metrics`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from coalmine_aggregator.reading.readers import Readers


class ReaderMetrics(Collector):
    """Reads the readers' counts when it is scraped."""

    def __init__(self, readers: Readers) -> None:
        self._readers = readers

    def describe(self) -> Iterable[Metric]:
        """Nothing: keeps registration from collecting."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Every family."""
        counts = self._readers.counts
        yield CounterMetricFamily(
            "coalmine_history_asked", "Questions of history that were asked.", value=counts.asked
        )
        yield CounterMetricFamily(
            "coalmine_history_shared",
            "Questions of history that got the answer of another, without a process.",
            value=counts.shared,
        )
        troubles = CounterMetricFamily(
            "coalmine_history_troubles",
            "Questions refused as too many, given up as too slow, and processes that ended, by kind.",
            labels=["kind"],
        )
        for kind in ("refused_busy", "too_slow", "died"):
            troubles.add_metric([kind], getattr(counts, kind))
        yield troubles
        yield GaugeMetricFamily(
            "coalmine_history_readers",
            "Processes that read history and run.",
            value=len(self._readers.pids),
        )
