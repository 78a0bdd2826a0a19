"""Which nodes are out and what holds others, for `/metrics`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from coalmine_aggregator.actuate.output import Standing
from coalmine_aggregator.model.remediation_event import RemediationKind
from coalmine_aggregator.model.withdrawal import Mode, Wanted


class RemediationState(Protocol):
    """What is told: as of `LiveRemediation`."""

    @property
    def services(self) -> Sequence[str]:
        """Those that opted in."""

    @property
    def wanted(self) -> Mapping[str, Wanted]:
        """The newest decisions, by service, of those that still count."""

    @property
    def events(self) -> Mapping[tuple[str, RemediationKind], int]:
        """How often what happened since the start, by service (empty where it concerns all)."""

    @property
    def holds(self) -> bool:
        """Whether this aggregator acts."""

    @property
    def is_stopped(self) -> bool:
        """Whether people stopped it."""

    def standings(self) -> Sequence[Standing]:
        """How each output stands."""


class RemediationMetrics(Collector):
    """Reads when it is scraped. No label is a node's name: of these there are as many as there are
    machines. `now` gives seconds since the epoch."""

    def __init__(self, state: RemediationState, now: Callable[[], float]) -> None:
        self._state = state
        self._now = now

    def describe(self) -> Iterable[Metric]:
        """Nothing: keeps registration from collecting."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Every family."""
        state, wanted = self._state, self._state.wanted
        yield _gauge(
            "coalmine_remediation_known",
            "Whether the nodes of a service are known, so that anything is decided on them.",
            ("service",),
            [((name,), int(name in wanted)) for name in state.services],
        )
        yield _gauge(
            "coalmine_remediation_nodes",
            "Nodes of a service.",
            ("service",),
            [((name,), len(word.nodes)) for name, word in wanted.items()],
        )
        yield _gauge(
            "coalmine_remediation_nodes_withdrawn",
            "Nodes that are decided to be out, also in a dry run.",
            ("service",),
            [((name,), len(word.out)) for name, word in wanted.items()],
        )
        yield _gauge(
            "coalmine_remediation_nodes_out",
            "Nodes that this aggregator has out: none in a dry run, or where the other one acts.",
            ("service",),
            [((name,), len(word.effective)) for name, word in wanted.items()],
        )
        yield _gauge(
            "coalmine_remediation_nodes_held",
            "Nodes that would be withdrawn if a rail did not hold them.",
            ("service", "rail"),
            [
                ((name, rail), count)
                for name, word in wanted.items()
                for rail, count in Counter(held.rail for held in word.held).items()
            ],
        )
        yield _gauge(
            "coalmine_remediation_frozen",
            "Whether nobody is withdrawn since too many nodes look bad.",
            ("service",),
            [((name,), int(bool(word.frozen))) for name, word in wanted.items()],
        )
        yield _gauge(
            "coalmine_remediation_mode",
            "1 for the mode that a service is in.",
            ("service", "mode"),
            [
                ((name, str(mode)), int(word.mode is mode))
                for name, word in wanted.items()
                for mode in Mode
            ],
        )
        yield _gauge(
            "coalmine_remediation_holder",
            "Whether this aggregator of a pair is the one that acts; 1 without a pair.",
            (),
            [((), int(state.holds))],
        )
        yield _gauge(
            "coalmine_remediation_stopped",
            "Whether people stopped all of it.",
            (),
            [((), int(state.is_stopped))],
        )
        yield from self._outputs()
        events = CounterMetricFamily(
            "coalmine_remediation_events",
            "What remediation did and people told it, since the start.",
            labels=["service", "kind"],
        )
        for (service, kind), count in state.events.items():
            events.add_metric((service, str(kind)), count)
        yield events

    def _outputs(self) -> Iterator[Metric]:
        now, standings = self._now(), self._state.standings()
        yield _gauge(
            "coalmine_remediation_output_trouble",
            "Whether an output cannot do what it is told.",
            ("output",),
            [((each.name,), int(bool(each.trouble))) for each in standings],
        )
        yield _gauge(
            "coalmine_remediation_output_confirmed_seconds",
            "Seconds since the other side of an output last confirmed what is in force.",
            ("output",),
            [
                ((each.name,), max(0.0, now - each.confirmed_at))
                for each in standings
                if each.confirmed_at is not None
            ],
        )


def _gauge(
    name: str,
    documentation: str,
    labels: Sequence[str],
    values: Iterable[tuple[Sequence[str], float]],
) -> Metric:
    family = GaugeMetricFamily(name, documentation, labels=list(labels))
    for key, value in values:
        family.add_metric(list(key), value)
    return family
