"""How many nodes of a service, and of each of its zones, may be out. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from coalmine_aggregator.model.node_view import NodeView
from coalmine_aggregator.model.remediation_policy import RemediationPolicy
from coalmine_aggregator.remediate.memory import Place


def place_of(view: NodeView) -> Place:
    """Where a node stands; all that have no agent of their own are taken for one zone."""
    return (view.region, view.zone)


class Pool(NamedTuple):
    """A roster: how many nodes each zone has, and where each node stands."""

    places: Mapping[str, Place]
    zones: Mapping[Place, int]
    policy: RemediationPolicy

    @classmethod
    def of(cls, views: Sequence[NodeView], policy: RemediationPolicy) -> Pool:
        """That of these nodes."""
        places = {view.node: place_of(view) for view in views}
        return cls(places, Counter(places.values()), policy)

    @property
    def most(self) -> int:
        """How many may be out."""
        return self.policy.most_out(len(self.places))

    def most_of(self, place: Place) -> int:
        """How many of a zone may be out."""
        return self.policy.most_out(self.zones.get(place, 0))

    def standing(self, node: str, place: Place) -> Place:
        """Where it stands now, or stood before it left the roster."""
        return self.places.get(node, place)

    def serving(self, taken: Mapping[str, object]) -> int:
        """How many are left without those."""
        return sum(node not in taken for node in self.places)
