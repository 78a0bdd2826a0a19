"""Scenarios: a fleet, what goes wrong in it, and what Coalmine must say about it."""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

from coalmine_aggregator.detection_settings import DetectionSettings
from coalmine_aggregator.model.policy import ServicePolicy
from coalmine_aggregator.remediation_settings import RemediationRules
from coalmine_aggregator.replay.controls import Control
from coalmine_aggregator.replay.effects import Effect, Fault
from coalmine_aggregator.replay.expectation import Expectation
from coalmine_aggregator.settings import SloSettings, check_acceptable_loss
from coalmine_runtime.settings import Fraction, Seconds, SettingError, setting
from coalmine_wire.protocols import Protocol
from coalmine_wire.series import NODE_VARIANT, Location, is_label

MAX_DURATION_S = 400 * 86_400
MAX_LATENCY_S = 10.0
MAX_AGENTS = 20_000
KEEPALIVE_S = 15.0
"""As agents' configurations have it unless told otherwise."""


class EndpointName(NamedTuple):
    """A protocol, with a variant or without: `tcp`, `tcp-ipv6`."""

    protocol: Protocol
    variant: str = ""

    @classmethod
    def parse(cls, text: str) -> EndpointName:
        """Raises ValueError."""
        name, dash, variant = text.partition("-")
        try:
            protocol = Protocol(name)
        except ValueError:
            raise ValueError(f'"{name}" is none of {", ".join(Protocol)}') from None
        if dash and not is_label(variant):
            raise ValueError(f'"{variant}" has other characters than a-z 0-9 _ -')
        if variant.startswith(NODE_VARIANT):
            raise ValueError(f'variants that begin with {NODE_VARIANT} come from "direct_from"')
        return cls(protocol, variant)


@dataclasses.dataclass(frozen=True, kw_only=True)
class SimulatedService:
    """One service of the simulated fleet."""

    protocols: list[EndpointName] = setting("What agents send by, such as tcp, udp or tcp-ipv6")
    acceptable_loss: Fraction = setting("Share of datapoints that may be lost at any time", 0.001)
    slo: SloSettings = setting("The objective over weeks", SloSettings())
    direct_from: list[Location] = setting(
        "Locations whose agents also probe every on-machine host directly", []
    )

    def __post_init__(self) -> None:
        if not self.protocols:
            raise SettingError("protocols", "no protocol: nothing would be sent")
        if len(set(self.protocols)) < len(self.protocols):
            raise SettingError("protocols", "names the same endpoint twice")
        check_acceptable_loss(self.acceptable_loss)

    def policy(self, name: str) -> ServicePolicy:
        """The rules for the service of this name."""
        return ServicePolicy(
            name,
            self.acceptable_loss,
            objective=self.slo.objective,
            slo_window_s=int(self.slo.window),
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class AgentRow:
    """Agents that share a place; their hosts are `<zone>-<n>`."""

    location: Location = setting("external, internal or on-machine")
    region: str = setting("Their region")
    zone: str = setting("Their zone")
    count: int = setting("How many hosts")

    def __post_init__(self) -> None:
        for key in ("region", "zone"):
            if not is_label(getattr(self, key)):
                raise SettingError(key, "has other characters than a-z 0-9 _ -")
        if not 1 <= self.count <= MAX_AGENTS:
            raise SettingError("count", f"expected 1 to {MAX_AGENTS}, not {self.count}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class FleetSettings:
    """Who sends what."""

    services: dict[str, SimulatedService] = setting("What is watched, by name")
    agents: list[AgentRow] = setting("Who sends")

    def __post_init__(self) -> None:
        if not self.services:
            raise SettingError("services", "no service is watched")
        for name in self.services:
            if not is_label(name):
                raise SettingError(f"services.{name}", "has other characters than a-z 0-9 _ -")
        if not self.agents:
            raise SettingError("agents", "nobody sends anything")
        if sum(row.count for row in self.agents) > MAX_AGENTS:
            raise SettingError("agents", f"more than {MAX_AGENTS} agents")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Bursts:
    """Healthy bursts of loss, fleet-wide; the first begins at slot `every`."""

    every: int = setting("Slots from the beginning of one to that of the next", 3600)
    seconds: int = setting("Slots that one lasts", 1)
    loss: Fraction = setting("Share of datapoints lost in it", 0.3)
    dispersion: Fraction = setting("Beta-binomial rho of that loss", 0.0)

    def __post_init__(self) -> None:
        if self.every < 1:
            raise SettingError("every", "expected at least one second")
        if not 1 <= self.seconds <= self.every:
            raise SettingError("seconds", f'expected 1 to {self.every}, as "every" says')
        if self.dispersion >= 1:
            raise SettingError("dispersion", "expected less than 1")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Noise:
    """What is lost in a healthy fleet."""

    loss: Fraction = setting("Share of datapoints lost", 0.0)
    dispersion: Fraction = setting("Beta-binomial rho of that loss, over the datapoints of a slot", 0.0)
    bursts: Bursts | None = setting("Bursts besides", None)

    def __post_init__(self) -> None:
        if self.dispersion >= 1:
            raise SettingError("dispersion", "expected less than 1")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Scenario:
    """The whole file."""

    name: str = setting("What it is called")
    source: str = setting("Where the story comes from", "")
    duration: Seconds = setting("Seconds of fleet time, from slot 0")
    seed: int = setting("The whole run is a function of the file and this number", 0)
    fleet: FleetSettings = setting("Who sends what")
    noise: Noise = setting("What is lost in a healthy fleet", Noise())
    latency: Seconds = setting("From an attempt to its receipt, and to the report", 0.05)
    keepalive: Seconds = setting(
        "Seconds of silence after which a broker delivers a last will", KEEPALIVE_S
    )
    faults: list[Fault] = setting("What goes wrong", [])
    detection: DetectionSettings = setting("How loss is told from noise", DetectionSettings())
    remediation: RemediationRules = setting("How nodes are withdrawn", RemediationRules())
    controls: list[Control] = setting("What people and the pair say of remediation", [])
    expect: Expectation = setting("What must be said", Expectation())

    def __post_init__(self) -> None:
        if not self.name:
            raise SettingError("name", "is empty")
        if self.duration != int(self.duration) or not 1 <= self.duration <= MAX_DURATION_S:
            raise SettingError("duration", f"expected whole seconds, 1 to {MAX_DURATION_S}")
        if self.seed < 0:
            raise SettingError("seed", "expected 0 or more")
        if self.latency > MAX_LATENCY_S:
            raise SettingError("latency", f"expected at most {MAX_LATENCY_S:g} s")

    @property
    def slots(self) -> int:
        """Slots of the scenario."""
        return int(self.duration)

    def policies(self) -> dict[str, ServicePolicy]:
        """The rules of every service."""
        return {name: service.policy(name) for name, service in self.fleet.services.items()}

    def outages(self) -> list[Fault]:
        """When the aggregator is down, in order."""
        down = [fault for fault in self.faults if fault.effect is Effect.AGGREGATOR_DOWN]
        return sorted(down, key=lambda fault: fault.from_)
