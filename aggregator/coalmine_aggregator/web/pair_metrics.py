"""How the other aggregator of a pair is, for `/metrics`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from coalmine_aggregator.pair.pair import Pair


class PairMetrics(Collector):
    """Reads when it is scraped. `waiting` counts notices that wait for the other; `now` gives seconds
    since the epoch."""

    def __init__(self, pair: Pair, waiting: Callable[[], int], now: Callable[[], float]) -> None:
        self._pair = pair
        self._waiting = waiting
        self._now = now

    def describe(self) -> Iterable[Metric]:
        """Nothing: keeps registration from collecting."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Every family."""
        now, label = self._now(), (self._pair.peer,)
        up = GaugeMetricFamily(
            "coalmine_peer_up",
            "Whether the other aggregator was heard of lately, settles in time and counts right.",
            labels=["peer"],
        )
        up.add_metric(label, int(self._pair.is_alive(now)))
        yield up
        unheard = GaugeMetricFamily(
            "coalmine_peer_unheard_seconds",
            "How long ago the other aggregator was last heard of; since the start where never.",
            labels=["peer"],
        )
        unheard.add_metric(label, self._pair.unheard_s(now))
        yield unheard
        waiting = GaugeMetricFamily(
            "coalmine_peer_waiting_notices",
            "Notices that the other aggregator has told, or may yet.",
            labels=["peer"],
        )
        waiting.add_metric(label, self._waiting())
        yield waiting
