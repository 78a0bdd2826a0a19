"""The simulated fleet: agents, what each of them sends, and the labels of it. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from coalmine_aggregator.replay.effects import Where
from coalmine_aggregator.replay.scenario import FleetSettings
from coalmine_wire.protocols import Protocol
from coalmine_wire.reports import MAX_ENDPOINTS, Birth, Endpoint
from coalmine_wire.series import LABELS, NODE_VARIANT, Location
from coalmine_wire.slots import phases_ms

MAX_SERIES = 300_000

Mask = NDArray[np.bool_]

_OF_AGENT = ("location", "region", "zone", "host")


class FleetError(ValueError):
    """A fleet that is too large to be simulated."""


class Place(NamedTuple):
    """Where an agent stands."""

    host: str
    location: Location
    region: str
    zone: str


class Target(NamedTuple):
    """What an agent sends to."""

    service: str
    protocol: Protocol
    variant: str


class SimulatedFleet:
    """Agents in the order of their rows; series in the order of agents and their endpoints.

    `first` is int64[agents + 1]: the series of agent a are first[a] to first[a + 1] - 1. `phase_s` is
    float64[series], `agent_of` int64[series].
    """

    def __init__(self, settings: FleetSettings, epoch: int) -> None:
        """`epoch` is the absolute second of slot 0. Raises `FleetError`."""
        self.places = _places(settings)
        nodes = [place.host for place in self.places if place.location is Location.ON_MACHINE]
        self.births = [_birth(place, _targets(settings, place, nodes), epoch) for place in self.places]
        sizes = [len(birth.endpoints) for birth in self.births]
        self.first = np.concatenate(([0], np.cumsum(sizes))).astype(np.int64)
        self.size = int(self.first[-1])
        if self.size > MAX_SERIES:
            raise FleetError(f"{self.size} series, at most {MAX_SERIES} can be simulated")
        if max(sizes) > MAX_ENDPOINTS:
            raise FleetError(f"{max(sizes)} endpoints of one agent, at most {MAX_ENDPOINTS}")
        self.agent_of = np.repeat(np.arange(len(sizes)), sizes)
        series = [each for birth in self.births for each in birth.series()]
        self.names = [each.name().encode() for each in series]
        self.phase_s = np.array(
            [endpoint.phase_ms / 1000 for birth in self.births for endpoint in birth.endpoints]
        )
        self._columns = {
            label: np.array([str(each[at]) for each in series]) for at, label in enumerate(LABELS)
        }
        self._last_phase_s = np.array(
            [max(endpoint.phase_ms for endpoint in birth.endpoints) / 1000 for birth in self.births]
        )
        self._nodes = np.array(
            [place.host if place.location is Location.ON_MACHINE else "" for place in self.places]
        )

    @property
    def last_phase_s(self) -> NDArray[np.float64]:
        """float64[agents]: when each agent's last attempt of a second starts."""
        return self._last_phase_s

    def values(self, label: str) -> list[str]:
        """The values of a label, sorted, none of them empty."""
        return sorted(set(self._columns[label].tolist()) - {""})

    def matching(self, where: Where) -> Mask:
        """bool[series]: which ones carry every label of `where`."""
        mask = np.ones(self.size, dtype=np.bool_)
        for label, values in where.labels().items():
            mask &= np.isin(self._columns[label], values)
        return mask

    def agents_matching(self, where: Where) -> Mask:
        """bool[agents]: which ones stand where `where` says and send what it names. The node of an
        on-machine agent is its own host, others have none."""
        labels = where.labels()
        sent = Where(**{label: labels.get(label, []) for label in ("service", "protocol", "variant")})
        mask: Mask = np.bincount(
            self.agent_of, weights=self.matching(sent), minlength=len(self.places)
        ).astype(np.bool_)
        for label, values in labels.items():
            if label in _OF_AGENT:
                mask &= np.isin([str(getattr(place, label)) for place in self.places], values)
            elif label == "node":
                mask &= np.isin(self._nodes, values)
        return mask

    def expected_by_leaf(self) -> Mapping[tuple[str, ...], int]:
        """Datapoints a slot by service, protocol, variant, location, region and zone."""
        labels = ("service", "protocol", "variant", "location", "region", "zone")
        return Counter(zip(*(self._columns[label].tolist() for label in labels), strict=True))


def _places(settings: FleetSettings) -> list[Place]:
    places: list[Place] = []
    used: Counter[str] = Counter()
    for row in settings.agents:
        for _ in range(row.count):
            used[row.zone] += 1
            places.append(Place(f"{row.zone}-{used[row.zone]}", row.location, row.region, row.zone))
    return places


def _targets(settings: FleetSettings, place: Place, nodes: Sequence[str]) -> Iterable[Target]:
    for name, service in settings.services.items():
        for protocol, variant in service.protocols:
            yield Target(name, protocol, variant)
        if place.location in service.direct_from:
            protocols = dict.fromkeys(protocol for protocol, _ in service.protocols)
            for node in nodes:
                if node != place.host:  # its own endpoints lead there anyhow
                    for protocol in protocols:
                        yield Target(name, protocol, NODE_VARIANT + node)


def _birth(place: Place, targets: Iterable[Target], epoch: int) -> Birth:
    targets = list(targets)
    phases = phases_ms(place.host, len(targets))
    return Birth(
        agent=place.host,
        boot="1",
        revision=1,
        first_slot=epoch,
        location=place.location,
        region=place.region,
        zone=place.zone,
        host=place.host,
        endpoints=[
            Endpoint(target.service, target.protocol, phase, target.variant)
            for target, phase in zip(targets, phases, strict=True)
        ],
        started_at=float(epoch - 1),
    )
