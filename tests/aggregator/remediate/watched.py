"""Nodes under watch: a made-up service whose slots are told by who sees what go wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from coalmine_aggregator.ledger.series import AllSeries
from coalmine_aggregator.model.fates import Fate
from coalmine_aggregator.model.node_view import NodeView, Opinion, Sight, Verdict
from coalmine_aggregator.model.remediation_policy import RemediationPolicy
from coalmine_aggregator.model.slot_cells import ABSENT, Revision, SlotCells
from coalmine_aggregator.remediate.node_watch import NodeWatch
from coalmine_wire.protocols import Protocol
from coalmine_wire.series import Location, Series, make_series

SIX = tuple(Protocol)

Tell = Callable[[Series, int], Fate]


def series_of(
    nodes: Iterable[str],
    direct_from: Iterable[str] = ("a", "b"),
    protocols: Sequence[Protocol] = SIX,
    *,
    own: bool = True,
    zones: Mapping[str, str] | None = None,
) -> list[Series]:
    """Series of `ingest`: each node's own agent, other hosts that probe each node directly, and one
    host that goes through the balancer."""
    made: list[Series] = []
    for protocol in protocols:
        for node in nodes:
            zone = (zones or {}).get(node, "dc1-a")
            if own:
                made.append(_made(protocol, "", Location.ON_MACHINE, node, zone))
            made += [
                _made(protocol, f"node_{node}", Location.INTERNAL, host, "dc1-b")
                for host in direct_from
            ]
        made.append(_made(protocol, "", Location.EXTERNAL, "out", "us-1"))
    return made


def _made(protocol: Protocol, variant: str, location: Location, host: str, zone: str) -> Series:
    return make_series(
        service="ingest",
        protocol=protocol,
        variant=variant,
        location=location,
        region="dc1",
        zone=zone,
        host=host,
    )


class Watched:
    """A watch, and the slots that it is told, where `tell` gives the fate of each series."""

    def __init__(
        self,
        made: Sequence[Series],
        policy: RemediationPolicy | None = None,
        *,
        acceptable_loss: float = 0.001,
    ) -> None:
        self.policy = policy or RemediationPolicy()
        self.watch = NodeWatch("ingest", acceptable_loss, self.policy)
        self.series = AllSeries()
        self.made: list[Series] = []
        self.slot = 999
        self.expect(made)

    def expect(self, made: Sequence[Series]) -> None:
        """From now on these are expected."""
        self.ids = [self.series.add(each, control=False) for each in made]
        self.made = list(made)
        self.expected = object()
        self.watch.learn(self.series)

    def cells(self, slot: int, tell: Tell) -> SlotCells:
        """A slot as it would settle."""
        fates = np.full(len(self.series), ABSENT, dtype=np.uint8)
        for number, each in zip(self.ids, self.made, strict=True):
            fates[number] = tell(each, slot)
        received = fates == Fate.DELIVERED
        return SlotCells(slot, fates, received, self.expected, np.zeros(0, dtype=np.int32))

    def pass_s(self, seconds: int, tell: Tell | None = None) -> None:
        """So many slots settle; without `tell`, all is well. Verdicts are asked for with each."""
        for _ in range(seconds):
            self.slot += 1
            self.watch.settle(self.cells(self.slot, tell or well))
            self.watch.views(self.slot)

    def revise(self, slot: int, before: Tell, after: Tell) -> None:
        """A settled slot becomes known otherwise."""
        self.watch.revise(Revision(self.cells(slot, before), self.cells(slot, after)))

    def views(self) -> dict[str, NodeView]:
        """What is held of all nodes now."""
        return {each.node: each for each in self.watch.views(self.slot) or ()}

    def view(self, node: str = "web1") -> NodeView:
        """What is held of a node now."""
        return self.views()[node]

    def verdict(self, node: str = "web1") -> Verdict:
        """The verdict on a node now."""
        return self.view(node).verdict

    def sight(self, host: str, node: str = "web1") -> Sight:
        """What a host holds of a node now."""
        return next(each for each in self.view(node).sights if each.host == host)

    def opinion(self, host: str, node: str = "web1") -> Opinion:
        """The same in a word."""
        return self.sight(host, node).opinion


def well(_series: Series, _slot: int) -> Fate:
    return Fate.DELIVERED


def fails(
    node: str = "web1",
    *,
    by: Sequence[str] | None = None,
    protocols: Sequence[Protocol] = SIX,
    fate: Fate = Fate.LOST,
    slots: Callable[[int], bool] = lambda _slot: True,
) -> Tell:
    """What leads to a node ends in a fate, as seen by some hosts (all, if none is named)."""

    def tell(series: Series, slot: int) -> Fate:
        meant = series.node == node and series.protocol in protocols
        return fate if meant and (by is None or series.host in by) and slots(slot) else Fate.DELIVERED

    return tell


def mute(*hosts: str, then: Tell = well) -> Tell:
    """Some hosts say nothing; of the others, what else there is."""

    def tell(series: Series, slot: int) -> Fate:
        return Fate.UNKNOWN if series.host in hosts else then(series, slot)

    return tell


def loses(host: str, *nodes: str) -> Tell:
    """One host loses what it sends to some nodes."""

    def tell(series: Series, _slot: int) -> Fate:
        return Fate.LOST if series.host == host and series.node in nodes else Fate.DELIVERED

    return tell
